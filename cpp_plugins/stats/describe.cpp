// cpp.describe: scipy.stats.describe. Moments by Eigen, in double precision, two passes.
#include <cmath>
#include <cstdint>
#include <limits>

#include <Eigen/Core>

#include "algorithms.hpp"
#include "samples.hpp"

namespace stats {
namespace {

struct Summary {
    double min, max, mean, variance, skewness, kurtosis;
};

struct Corrections {
    double ddof;
    bool bias; // of skewness and kurtosis: left in
};

// resolution: of the type that the numbers came in; deviations below it are rounding.
Summary summarize(const double *data, std::size_t size, const Corrections &corrections,
                  double resolution) {
    const Eigen::Map<const Eigen::ArrayXd> x(data, static_cast<Eigen::Index>(size));
    const auto n = static_cast<double>(size);
    Summary found{};
    found.min = x.minCoeff<Eigen::PropagateNaN>();
    found.max = x.maxCoeff<Eigen::PropagateNaN>();
    found.mean = x.mean();
    const auto d = x - found.mean;
    const double m2 = d.square().mean();
    const double m3 = d.cube().mean();
    const double m4 = d.square().square().mean();
    found.variance = m2 * n / std::max(n - corrections.ddof, 0.0);
    const double least = resolution * found.mean;
    if (m2 <= least * least || std::isnan(m2)) { // all equal
        found.skewness = found.kurtosis = std::numeric_limits<double>::quiet_NaN();
        return found;
    }
    found.skewness = m3 / std::pow(m2, 1.5);
    found.kurtosis = m4 / (m2 * m2) - 3.0;
    if (!corrections.bias && size > 2) found.skewness *= std::sqrt((n - 1.0) * n) / (n - 2.0);
    if (!corrections.bias && size > 3) {
        found.kurtosis = ((n * n - 1.0) * m4 / (m2 * m2) - 3.0 * (n - 1.0) * (n - 1.0)) /
                         ((n - 2.0) * (n - 3.0));
    }
    return found;
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Lines lines = stats::lines(call.parameters(), input, 0);
    const Corrections corrections{
        static_cast<double>(call.parameters().get<std::int64_t>("ddof", 1)),
        call.parameters().get<bool>("bias", true)};
    edgemesh::visit<float, double>(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto min = call.output<T>("min", lines.reduced);
        const auto max = call.output<T>("max", lines.reduced);
        const auto mean = call.output<T>("mean", lines.reduced);
        const auto variance = call.output<T>("variance", lines.reduced);
        const auto skewness = call.output<T>("skewness", lines.reduced);
        const auto kurtosis = call.output<T>("kurtosis", lines.reduced);
        const double resolution = std::is_same_v<T, float> ? 1e-6 : 1e-15; // numpy.finfo's
        each_line(call, lines, a.data(), [&](const double *line, std::size_t i) {
            const Summary found = summarize(line, lines.length, corrections, resolution);
            min[i] = static_cast<T>(found.min);
            max[i] = static_cast<T>(found.max);
            mean[i] = static_cast<T>(found.mean);
            variance[i] = static_cast<T>(found.variance);
            skewness[i] = static_cast<T>(found.skewness);
            kurtosis[i] = static_cast<T>(found.kurtosis);
        });
    });
    call.result({{"nobs", lines.length}});
}

} // namespace

edgemesh::Algorithm describe() {
    return edgemesh::Algorithm("cpp.describe", "1")
        .about("Number, least, greatest, mean, variance, skewness and kurtosis (of a normal "
               "distribution 0) along an axis, as scipy.stats.describe; by Eigen. NaN makes NaN.")
        .parameter("axis", axis_schema(0))
        .parameter("ddof", {{"type", "integer"},
                            {"default", 1},
                            {"description", "the variance is divided by n - ddof"}})
        .parameter("bias", {{"type", "boolean"},
                            {"default", true},
                            {"description", "false: skewness and kurtosis corrected for it"}})
        .input(reals("a", "an array of any rank"))
        .output(reals("min", "the shape of a, without the axis"))
        .output(reals("max", ""))
        .output(reals("mean", ""))
        .output(reals("variance", ""))
        .output(reals("skewness", "NaN where all are equal"))
        .output(reals("kurtosis", "NaN where all are equal"))
        .result({{"type", "object"}, {"properties", {{"nobs", {{"type", "integer"}}}}}})
        .run(run);
}

} // namespace stats
