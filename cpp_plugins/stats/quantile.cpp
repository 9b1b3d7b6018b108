// cpp.quantile: numpy.quantile, all of its methods (Hyndman and Fan 1996, and five of NumPy's own).
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "samples.hpp"

namespace stats {
namespace {

// A quantile lies between two order statistics: lower + (upper - lower) * fraction.
struct Position {
    std::size_t lower, upper;
    double fraction;
};

// index: where the quantile lies among 0 ... n - 1.
Position between(double index, std::size_t n, double fraction) {
    const auto last = static_cast<double>(n - 1);
    if (index >= last) return {n - 1, n - 1, 0};
    if (index < 0) return {0, 0, 0};
    const auto lower = static_cast<std::size_t>(index);
    return {lower, lower + 1, fraction};
}
Position between(double index, std::size_t n) {
    return between(index, n, index - std::floor(index));
}

Position at(double index, std::size_t n) {
    const double inside = std::min(std::max(index, 0.0), static_cast<double>(n - 1));
    const auto rank = static_cast<std::size_t>(inside);
    return {rank, rank, 0};
}

// The one below if take_lower, else the one above.
Position one_of(double index, std::size_t n, bool take_lower) {
    return at(std::floor(index) + (take_lower ? 0 : 1), n);
}

Position hyndman_fan(double q, std::size_t n, double alpha, double beta) {
    const auto size = static_cast<double>(n);
    return between(size * q + (alpha + q * (1 - alpha - beta)) - 1, n);
}

using Method = Position (*)(double, std::size_t);
const std::map<std::string, Method> &methods() {
    static const auto real = [](std::size_t n) { return static_cast<double>(n); };
    static const std::map<std::string, Method> all{
        {"inverted_cdf",
         [](double q, std::size_t n) {
             const double index = real(n) * q - 1;
             return one_of(index, n, index == std::floor(index));
         }},
        {"averaged_inverted_cdf",
         [](double q, std::size_t n) {
             const double index = real(n) * q - 1;
             return between(index, n, index == std::floor(index) ? 0.5 : 1.0);
         }},
        {"closest_observation",
         [](double q, std::size_t n) {
             const double index = real(n) * q - 1 - 0.5, lower = std::floor(index);
             return one_of(index, n, index == lower && std::fmod(std::abs(lower), 2) == 1);
         }},
        {"interpolated_inverted_cdf",
         [](double q, std::size_t n) { return hyndman_fan(q, n, 0, 1); }},
        {"hazen", [](double q, std::size_t n) { return hyndman_fan(q, n, 0.5, 0.5); }},
        {"weibull", [](double q, std::size_t n) { return hyndman_fan(q, n, 0, 0); }},
        {"linear", [](double q, std::size_t n) { return between(real(n - 1) * q, n); }},
        {"median_unbiased",
         [](double q, std::size_t n) { return hyndman_fan(q, n, 1 / 3.0, 1 / 3.0); }},
        {"normal_unbiased",
         [](double q, std::size_t n) { return hyndman_fan(q, n, 3 / 8.0, 3 / 8.0); }},
        {"lower", [](double q, std::size_t n) { return at(std::floor(real(n - 1) * q), n); }},
        {"higher", [](double q, std::size_t n) { return at(std::ceil(real(n - 1) * q), n); }},
        {"midpoint",
         [](double q, std::size_t n) {
             const double index = real(n - 1) * q;
             return between(index, n, index == std::floor(index) ? 0.0 : 0.5);
         }},
        {"nearest", [](double q, std::size_t n) { return at(std::nearbyint(real(n - 1) * q), n); }},
    };
    return all;
}

Method method_of(const edgemesh::Parameters &parameters) {
    const auto found = methods().find(parameters.get<std::string>("method", "linear"));
    if (found != methods().end()) return found->second;
    std::string names;
    for (const auto &[name, method] : methods()) names += (names.empty() ? "" : ", ") + name;
    throw edgemesh::InvalidInput("parameters.method", "must be one of " + names);
}

struct Quantiles {
    std::vector<double> q;
    edgemesh::Shape shape; // [] of a single one
};

Quantiles quantiles(const edgemesh::Parameters &parameters) {
    Quantiles asked;
    const bool list = parameters.get<edgemesh::Json>("q").is_array();
    if (list) {
        asked.q = parameters.get<std::vector<double>>("q");
        asked.shape = {static_cast<std::int64_t>(asked.q.size())};
    } else {
        asked.q = {parameters.get<double>("q")};
    }
    for (std::size_t i = 0; i < asked.q.size(); ++i) {
        if (!(asked.q[i] >= 0 && asked.q[i] <= 1)) {
            throw edgemesh::InvalidInput(list ? "parameters.q[" + std::to_string(i) + "]"
                                              : "parameters.q",
                                         "must lie in 0 to 1");
        }
    }
    return asked;
}

// Brings the order statistics that are asked for to their places.
class Selection {
  public:
    explicit Selection(const std::vector<Position> &positions) {
        for (const Position &one : positions) {
            ranks_.push_back(one.lower);
            ranks_.push_back(one.upper);
        }
        std::sort(ranks_.begin(), ranks_.end());
        ranks_.erase(std::unique(ranks_.begin(), ranks_.end()), ranks_.end());
    }
    void operator()(double *begin, double *end) const {
        constexpr std::size_t many = 16; // from here on sorting is less work
        if (ranks_.size() > many) {
            std::sort(begin, end);
            return;
        }
        double *from = begin;
        for (const std::size_t rank : ranks_) {
            std::nth_element(from, begin + rank, end);
            from = begin + rank + 1;
        }
    }

  private:
    std::vector<std::size_t> ranks_;
};

// As numpy interpolates: exact at both ends.
double interpolate(double lower, double upper, double fraction) {
    if (fraction == 0 || lower == upper) return lower;
    const double difference = upper - lower;
    return fraction < 0.5 ? lower + difference * fraction : upper - difference * (1 - fraction);
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Lines lines = stats::lines(call.parameters(), input, nullptr);
    const Method method = method_of(call.parameters());
    const Quantiles asked = quantiles(call.parameters());
    std::vector<Position> positions;
    positions.reserve(asked.q.size());
    for (const double q : asked.q) positions.push_back(method(q, lines.length));
    const Selection select(positions);

    edgemesh::Shape shape = asked.shape;
    shape.insert(shape.end(), lines.reduced.begin(), lines.reduced.end());
    if (shape.size() > EDGEMESH_MAX_RANK) {
        throw edgemesh::InvalidInput(input.field(), "has too many dimensions for a list of q");
    }
    edgemesh::visit<float, double>(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto y = call.output<T>("y", shape);
        const std::size_t count = lines.outer * lines.inner;
        each_line(call, lines, a.data(), [&](double *line, std::size_t at_line) {
            double *const end = line + lines.length;
            const bool nan = std::any_of(line, end, [](double one) { return std::isnan(one); });
            if (!nan) select(line, end);
            for (std::size_t i = 0; i < positions.size(); ++i) {
                const Position &one = positions[i];
                y[i * count + at_line] = static_cast<T>(
                    nan ? NAN : interpolate(line[one.lower], line[one.upper], one.fraction));
            }
        });
    });
}

} // namespace

edgemesh::Algorithm quantile() {
    edgemesh::Json names = edgemesh::Json::array();
    for (const auto &[name, method] : methods()) names.push_back(name);
    const edgemesh::Json share{{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
    return edgemesh::Algorithm("cpp.quantile", "1")
        .about("Quantiles along an axis, as numpy.quantile. NaN makes NaN.")
        .required_parameter(
            "q",
            {{"anyOf",
              {share, {{"type", "array"}, {"items", share}, {"minItems", 1}, {"maxItems", 65536}}}},
             {"description", "shares of the numbers that lie below"}})
        .parameter("axis", axis_schema(nullptr))
        .parameter("method", {{"enum", names}, {"default", "linear"}})
        .input(reals("a", "an array of any rank"))
        .output(reals("y", "[len(q), ...] for a list q; ...: the shape of a, without the axis")
                    .allow_empty())
        .run(run);
}

} // namespace stats
