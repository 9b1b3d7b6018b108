// cpp.histogram: numpy.histogram. Bins of equal width are found as NumPy finds them, so that the
// same numbers fall on the same side of an edge.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "samples.hpp"

namespace stats {
namespace {

constexpr std::int64_t most_bins = std::int64_t{1} << 28U;

// T: the type of the numbers, in which NumPy computes the edges too.
template <class T> class EqualBins {
  public:
    EqualBins(T first, T last, std::size_t count) : first_(first), last_(last), edges_(count + 1) {
        const T step = (last - first) / static_cast<T>(count);
        for (std::size_t i = 0; i <= count; ++i) {
            edges_[i] = (step == 0 ? static_cast<T>(i) / static_cast<T>(count) * (last - first)
                                   : static_cast<T>(i) * step) +
                        first;
        }
        edges_[count] = last;
    }
    const std::vector<T> &edges() const { return edges_; }
    // false: in none of them.
    bool find(T x, std::size_t &bin) const {
        if (!(x >= first_ && x <= last_)) return false;
        const std::size_t count = edges_.size() - 1;
        const T place = (x - first_) / (last_ - first_) * static_cast<T>(count);
        bin = std::min(static_cast<std::size_t>(place), count - 1);
        if (x < edges_[bin]) {
            --bin;
        } else if (x >= edges_[bin + 1] && bin != count - 1) {
            ++bin;
        }
        return true;
    }

  private:
    T first_, last_;
    std::vector<T> edges_;
};

template <class T> class GivenBins {
  public:
    GivenBins(const T *begin, const T *end) : edges_(begin, end) {}
    const std::vector<T> &edges() const { return edges_; }
    bool find(T x, std::size_t &bin) const {
        if (!(x >= edges_.front() && x <= edges_.back())) return false;
        const auto above = std::upper_bound(edges_.begin(), edges_.end(), x);
        const auto after = static_cast<std::size_t>(above - edges_.begin());
        bin = std::min(after, edges_.size() - 1) - 1;
        return true;
    }

  private:
    std::vector<T> edges_;
};

template <class T>
std::pair<T, T> outer_edges(const edgemesh::Call &call, const edgemesh::View<const T> &a) {
    std::pair<T, T> range{0, 1};
    if (const auto given = call.parameters().find<std::vector<double>>("range")) {
        if (given->size() != 2 || !std::isfinite((*given)[0]) || !std::isfinite((*given)[1]) ||
            (*given)[0] > (*given)[1]) {
            throw edgemesh::InvalidInput("parameters.range",
                                         "must be two finite numbers, the lower one first");
        }
        range = {static_cast<T>((*given)[0]), static_cast<T>((*given)[1])};
    } else if (!a.empty()) {
        check_finite(call.input("a"), a);
        const auto [least, greatest] = std::minmax_element(a.begin(), a.end());
        range = {*least, *greatest};
    }
    if (range.first == range.second) {
        range.first -= T(0.5);
        range.second += T(0.5);
    }
    if (!std::isfinite(range.second - range.first)) {
        throw edgemesh::InvalidInput(call.parameters().has("range") ? "parameters.range"
                                                                    : "inputs.a",
                                     "must span a range whose width is finite");
    }
    return range;
}

// Sums of weights, or counts, of each bin.
template <class T, class Bins, class Sum, class Weight>
void count(const edgemesh::Call &call, const edgemesh::View<const T> &a, const Bins &bins,
           Sum *sums, Weight &&weight) {
    constexpr std::size_t piece = std::size_t{1} << 20U;
    for (std::size_t begin = 0; begin < a.size(); begin += piece) {
        call.check_cancelled();
        const std::size_t end = std::min(begin + piece, a.size());
        for (std::size_t i = begin; i < end; ++i) {
            std::size_t bin = 0;
            if (bins.find(a[i], bin)) sums[bin] += weight(i);
        }
    }
}

template <class T, class Bins>
void histogram_of(edgemesh::Call &call, const edgemesh::View<const T> &a, const Bins &bins) {
    const bool density = call.parameters().get<bool>("density", false);
    const edgemesh::Tensor *const weights = call.find_input("weights");
    const std::vector<T> &edges = bins.edges();
    const std::size_t size = edges.size() - 1;
    const auto length = static_cast<std::int64_t>(size);
    const auto out = call.output<T>("bin_edges", {length + 1});
    std::copy(edges.begin(), edges.end(), out.begin());
    if (weights == nullptr && !density) {
        const auto y = call.output<std::int64_t>("hist", {length});
        std::fill(y.begin(), y.end(), 0);
        count(call, a, bins, y.data(), [](std::size_t) { return std::int64_t{1}; });
        return;
    }
    const auto y = call.output<double>("hist", {length});
    std::fill(y.begin(), y.end(), 0.0);
    if (weights == nullptr) {
        count(call, a, bins, y.data(), [](std::size_t) { return 1.0; });
    } else {
        if (weights->shape() != a.shape()) {
            throw edgemesh::InvalidInput(weights->field(), "must have the shape of a, " +
                                                               edgemesh::shape_text(a.shape()));
        }
        const auto w = weights->as<double>();
        count(call, a, bins, y.data(), [&](std::size_t i) { return w[i]; });
    }
    if (density) {
        double sum = 0;
        for (const double one : y) sum += one;
        for (std::size_t i = 0; i < size; ++i) {
            y[i] = y[i] / static_cast<double>(edges[i + 1] - edges[i]) / sum;
        }
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const edgemesh::Tensor *const given = call.find_input("bin_edges");
    edgemesh::visit<float, double>(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        if (given == nullptr) {
            const auto bins = call.parameters().get<std::int64_t>("bins", 10);
            if (bins < 1 || bins > most_bins) {
                throw edgemesh::InvalidInput("parameters.bins", "must lie in 1 to 2^28");
            }
            const auto [first, last] = outer_edges<T>(call, a);
            histogram_of<T>(call, a, EqualBins<T>(first, last, static_cast<std::size_t>(bins)));
            return;
        }
        for (const char *const name : {"bins", "range"}) {
            if (call.parameters().has(name)) {
                throw edgemesh::InvalidInput(edgemesh::Parameters::field(name),
                                             "must be absent where bin_edges are given");
            }
        }
        const auto edges = given->as<T>();
        const bool falls = std::adjacent_find(edges.begin(), edges.end(), [](T left, T right) {
                               return !(left <= right);
                           }) != edges.end();
        if (edges.size() < 2 || falls) {
            throw edgemesh::InvalidInput(given->field(),
                                         "must be two or more numbers that increase");
        }
        histogram_of<T>(call, a, GivenBins<T>(edges.begin(), edges.end()));
    });
}

} // namespace

edgemesh::Algorithm histogram() {
    return edgemesh::Algorithm("cpp.histogram", "1")
        .about("How many numbers fall into each bin, as numpy.histogram. Bins but the last do not "
               "have their upper edge in them; what lies outside is not counted.")
        .parameter("bins", {{"type", "integer"},
                            {"minimum", 1},
                            {"maximum", most_bins},
                            {"default", 10},
                            {"description", "bins of equal width, where bin_edges are not given"}})
        .parameter("range", {{"type", "array"},
                             {"items", {{"type", "number"}}},
                             {"minItems", 2},
                             {"maxItems", 2},
                             {"description", "of the bins; default: of the numbers"}})
        .parameter("density", {{"type", "boolean"},
                               {"default", false},
                               {"description", "true: scaled so that the integral is 1"}})
        .input(reals("a", "numbers; flattened").allow_empty())
        .input(doubles("weights", "of a's shape: what each number counts").optional().allow_empty())
        .input(edgemesh::TensorSpec("bin_edges")
                   .of<float, double>()
                   .shape({-1})
                   .optional()
                   .about("[bins + 1], ascending, of a's type"))
        .output(edgemesh::TensorSpec("hist").of<std::int64_t, double>().shape({-1}).about(
            "[bins]: counts as int64; as float64 with weights or density"))
        .output(edgemesh::TensorSpec("bin_edges")
                    .of<float, double>()
                    .shape({-1})
                    .about("[bins + 1], of a's type"))
        .run(run);
}

} // namespace stats
