// cpp.kmeans: sklearn.cluster.KMeans (Lloyd). Starts are given, or drawn by k-means++ (Arthur and
// Vassilvitskii 2007, the best of 2 + log k candidates each time) from NumPy's PCG64.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "generators.hpp"
#include "integers.hpp"
#include "lloyd.hpp"
#include "samples.hpp"

namespace stats {
namespace {

using Bits = random_numbers::Bits<random_numbers::Pcg64>;

struct Options {
    std::size_t clusters, starts, iterations;
    double tolerance;
    std::string init;
};

std::size_t count(const edgemesh::Parameters &parameters, const std::string &name,
                  std::int64_t otherwise, std::int64_t most) {
    const auto value = parameters.get<std::int64_t>(name, otherwise);
    if (value < 1 || value > most) {
        throw edgemesh::InvalidInput(edgemesh::Parameters::field(name),
                                     "must lie in 1 to " + std::to_string(most));
    }
    return static_cast<std::size_t>(value);
}

Options options(const edgemesh::Parameters &parameters, std::int64_t points, bool given) {
    Options asked{};
    asked.clusters = count(parameters, "n_clusters", 8, points);
    asked.starts = count(parameters, "n_init", 1, 10000);
    asked.iterations = count(parameters, "max_iter", 300, std::numeric_limits<int>::max());
    asked.tolerance = parameters.get<double>("tol", 1e-4);
    asked.init = parameters.get<std::string>("init", "k-means++");
    if (!(asked.tolerance >= 0)) {
        throw edgemesh::InvalidInput("parameters.tol", "must not be negative");
    }
    if (asked.init != "k-means++" && asked.init != "random") {
        throw edgemesh::InvalidInput("parameters.init", "must be k-means++ or random");
    }
    if (given) asked.starts = 1; // all would be the same
    return asked;
}

template <class T> class PlusPlus {
  public:
    PlusPlus(const std::vector<T> &x, std::size_t d) : x_(x), d_(d), nearest_(x.size() / d) {}

    void choose(std::size_t clusters, Bits &bits, T *centers) {
        const std::size_t n = nearest_.size();
        std::fill(nearest_.begin(), nearest_.end(), std::numeric_limits<double>::infinity());
        take(random_numbers::Integers(n - 1)(bits), centers);
        const std::size_t trials =
            2 + static_cast<std::size_t>(std::log(static_cast<double>(clusters)));
        for (std::size_t c = 1; c < clusters; ++c) {
            std::size_t best = 0;
            double least = std::numeric_limits<double>::infinity();
            for (std::size_t trial = 0; trial < trials; ++trial) {
                const std::size_t candidate = draw(bits);
                const double left = potential(candidate);
                if (left < least) least = left, best = candidate;
            }
            take(best, centers + c * d_);
        }
    }

  private:
    double distance(std::size_t a, std::size_t b) const {
        double sum = 0;
        for (std::size_t i = 0; i < d_; ++i) {
            const double by =
                static_cast<double>(x_[a * d_ + i]) - static_cast<double>(x_[b * d_ + i]);
            sum += by * by;
        }
        return sum;
    }
    // What the distances would add up to with this point as one more centre.
    double potential(std::size_t candidate) const {
        double sum = 0;
        for (std::size_t i = 0; i < nearest_.size(); ++i) {
            sum += std::min(nearest_[i], distance(i, candidate));
        }
        return sum;
    }
    void take(std::size_t point, T *center) {
        std::copy_n(x_.data() + point * d_, d_, center);
        total_ = 0;
        for (std::size_t i = 0; i < nearest_.size(); ++i) {
            nearest_[i] = std::min(nearest_[i], distance(i, point));
            total_ += nearest_[i];
        }
    }
    // A point, as likely as it is far, squared.
    std::size_t draw(Bits &bits) const {
        double left = bits.next<double>() * total_;
        for (std::size_t i = 0; i < nearest_.size(); ++i) {
            left -= nearest_[i];
            if (left < 0) return i;
        }
        return nearest_.size() - 1;
    }

    const std::vector<T> &x_;
    std::size_t d_;
    std::vector<double> nearest_; // squared distance to the nearest centre
    double total_ = 0;
};

// Different points.
template <class T>
void choose_random(const std::vector<T> &x, std::size_t d, std::size_t clusters, Bits &bits,
                   T *centers) {
    std::vector<std::size_t> points(x.size() / d);
    for (std::size_t i = 0; i < points.size(); ++i) points[i] = i;
    for (std::size_t c = 0; c < clusters; ++c) {
        std::swap(points[c], points[c + random_numbers::Integers(points.size() - 1 - c)(bits)]);
        std::copy_n(x.data() + points[c] * d, d, centers + c * d);
    }
}

template <class T> struct Centred {
    std::vector<T> x, mean;
    double variance = 0; // mean of the columns'
};

template <class T> Centred<T> centre(const edgemesh::View<const T> &x) {
    const std::size_t n = x.length(0), d = x.length(1);
    Centred<T> centred{{x.begin(), x.end()}, std::vector<T>(d), 0};
    std::vector<double> sums(d);
    for (std::size_t i = 0; i < x.size(); ++i) sums[i % d] += static_cast<double>(x[i]);
    for (std::size_t i = 0; i < d; ++i) {
        centred.mean[i] = static_cast<T>(sums[i] / static_cast<double>(n));
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
        T &one = centred.x[i] -= centred.mean[i % d];
        centred.variance += static_cast<double>(one) * static_cast<double>(one);
    }
    centred.variance /= static_cast<double>(n) * static_cast<double>(d);
    return centred;
}

template <class T>
void cluster(edgemesh::Call &call, const edgemesh::View<const T> &x, const Options &asked) {
    const std::size_t n = x.length(0), d = x.length(1), k = asked.clusters;
    const Centred<T> centred = centre(x);
    const double tolerance = asked.tolerance * centred.variance;
    const auto state = call.parameters().get<std::uint64_t>("random_state", 0);
    std::vector<std::uint32_t> words;
    random_numbers::append_words(state, words);
    Bits bits{random_numbers::SeedSequence(words)};
    PlusPlus<T> plus_plus(centred.x, d);

    std::vector<std::int32_t> best_labels;
    std::vector<T> best_centers;
    double inertia = std::numeric_limits<double>::infinity();
    std::size_t iterations = 0;
    for (std::size_t start = 0; start < asked.starts; ++start) {
        Lloyd<T> lloyd(centred.x.data(), n, d, k);
        if (const edgemesh::Tensor *const given = call.find_input("init")) {
            const auto centers = given->as<T>();
            for (std::size_t i = 0; i < k * d; ++i) {
                lloyd.centers[i] = centers[i] - centred.mean[i % d];
            }
        } else if (asked.init == "random") {
            choose_random(centred.x, d, k, bits, lloyd.centers.data());
        } else {
            plus_plus.choose(k, bits, lloyd.centers.data());
        }
        std::size_t done = 0;
        for (bool moves = true; moves && done < asked.iterations; ++done) {
            call.check_cancelled();
            moves = lloyd.step(tolerance);
            const double part =
                static_cast<double>(done + 1) / static_cast<double>(asked.iterations);
            call.progress((static_cast<double>(start) + part) / static_cast<double>(asked.starts));
        }
        const double sum = lloyd.finish();
        if (sum < inertia) {
            inertia = sum, iterations = done;
            best_labels = std::move(lloyd.labels), best_centers = std::move(lloyd.centers);
        }
    }
    const auto centers = call.output<T>("centers", {static_cast<std::int64_t>(k), x.shape()[1]});
    for (std::size_t i = 0; i < k * d; ++i) centers[i] = best_centers[i] + centred.mean[i % d];
    const auto labels = call.output<std::int32_t>("labels", {x.shape()[0]});
    std::copy(best_labels.begin(), best_labels.end(), labels.begin());
    call.result({{"inertia", inertia}, {"n_iter", iterations}});
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    const edgemesh::Tensor *const init = call.find_input("init");
    check_table(input);
    const Options asked = options(call.parameters(), input.shape()[0], init != nullptr);
    const edgemesh::Shape expected{static_cast<std::int64_t>(asked.clusters), input.shape()[1]};
    if (init != nullptr && init->shape() != expected) {
        throw edgemesh::InvalidInput(init->field(), "must have the shape " +
                                                        edgemesh::shape_text(expected) + ", has " +
                                                        edgemesh::shape_text(init->shape()));
    }
    linalg::use_threads(call.threads());
    edgemesh::visit<float, double>(input, [&](const auto &x) {
        using T = Element<decltype(x)>;
        check_finite<T>(input, x);
        if (init != nullptr) check_finite<T>(*init, init->as<T>());
        cluster<T>(call, x, asked);
    });
}

} // namespace

edgemesh::Algorithm kmeans() {
    const auto integer = [](std::int64_t otherwise, const char *about) {
        return edgemesh::Json{
            {"type", "integer"}, {"minimum", 1}, {"default", otherwise}, {"description", about}};
    };
    return edgemesh::Algorithm("cpp.kmeans", "1")
        .about("Clusters by Lloyd's algorithm, as sklearn.cluster.KMeans: the same as its for the "
               "same initial centres, up to rounding; products by OpenBLAS. Reports progress.")
        .parameter("n_clusters", integer(8, "at most as many as points"))
        .parameter("init", {{"enum", {"k-means++", "random"}},
                            {"default", "k-means++"},
                            {"description", "how starts are drawn where none is given"}})
        .parameter("n_init", integer(1, "starts; the best one is kept"))
        .parameter("max_iter", integer(300, "iterations of one start"))
        .parameter("tol", {{"type", "number"},
                           {"minimum", 0},
                           {"default", 1e-4},
                           {"description", "stop once the centres' squared movements are less than "
                                           "this times the mean variance of x's columns"}})
        .parameter("random_state", {{"type", "integer"},
                                    {"minimum", 0},
                                    {"default", 0},
                                    {"description", "seed of PCG64, which draws the starts"}})
        .input(reals("x", "[n, d]: points, finite"))
        .input(reals("init", "[n_clusters, d], of x's type: where to start").optional())
        .output(reals("centers", "[n_clusters, d]"))
        .output(edgemesh::TensorSpec("labels").of<std::int32_t>().shape({-1}).about(
            "[n]: the number of each point's centre"))
        .result({{"type", "object"},
                 {"properties",
                  {{"inertia", {{"type", "number"}}}, {"n_iter", {{"type", "integer"}}}}}})
        .streams()
        .run(run);
}

} // namespace stats
