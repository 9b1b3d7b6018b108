// cpp.pca: sklearn.decomposition.PCA by the singular value decomposition of the centred table
// (LAPACK gesdd). In memory the table is LAPACK's transposed one, whose u is this one's vt.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "algorithms.hpp"
#include "blas.hpp"
#include "lapack.hpp"
#include "samples.hpp"

namespace stats {
namespace {

constexpr std::int64_t longest = 20000; // the workspace still counts in 32 bits

template <class T> struct Svd {
    std::vector<T> u, s, vt; // u: [rows, k], vt: [k, columns]
};

template <class T> Svd<T> decompose(std::size_t rows, std::size_t columns, std::vector<T> x) {
    const std::size_t k = std::min(rows, columns);
    Svd<T> svd{std::vector<T>(rows * k), std::vector<T>(k), std::vector<T>(k * columns)};
    const auto m = static_cast<int>(columns), n = static_cast<int>(rows);
    std::vector<int> integers(8 * k);
    T answer{};
    const auto run = [&](T *work, int lwork) {
        const int info = linalg::gesdd('S', m, n, x.data(), svd.s.data(), svd.vt.data(), m,
                                       svd.u.data(), static_cast<int>(k), work, lwork,
                                       static_cast<T *>(nullptr), integers.data());
        linalg::check_arguments(info);
        if (info > 0) throw edgemesh::Failure("NoConvergence", "the iteration did not converge");
    };
    run(&answer, -1);
    std::vector<T> work(static_cast<std::size_t>(linalg::workspace(answer)));
    run(work.data(), linalg::workspace(answer));
    return svd;
}

// As sklearn's svd_flip: the largest element of each component is positive.
template <class T> void flip(std::size_t rows, std::size_t columns, Svd<T> &svd) {
    const std::size_t k = svd.s.size();
    for (std::size_t i = 0; i < k; ++i) {
        T *const component = svd.vt.data() + i * columns;
        const T largest = *std::max_element(component, component + columns,
                                            [](T a, T b) { return std::abs(a) < std::abs(b); });
        if (largest >= 0) continue;
        for (std::size_t column = 0; column < columns; ++column) component[column] *= -1;
        for (std::size_t row = 0; row < rows; ++row) svd.u[row * k + i] *= -1;
    }
}

// How many components: all, so many, or as many as explain such a share of the variance.
std::size_t wanted(const edgemesh::Parameters &parameters, const std::vector<double> &ratios) {
    const auto given = parameters.find<double>("n_components");
    if (!given) return ratios.size();
    if (*given > 0 && *given < 1) {
        double sum = 0;
        std::size_t count = 0;
        while (count < ratios.size() && sum <= *given) sum += ratios[count++];
        return count;
    }
    if (!(*given >= 1 && *given <= static_cast<double>(ratios.size())) ||
        std::trunc(*given) != *given) {
        throw edgemesh::InvalidInput("parameters.n_components",
                                     "must be a number from 1 to " + std::to_string(ratios.size()) +
                                         ", the smaller side of x, or lie between 0 and 1");
    }
    return static_cast<std::size_t>(*given);
}

template <class T> void pca_of(edgemesh::Call &call, const edgemesh::View<const T> &x) {
    const std::size_t rows = x.length(0), columns = x.length(1);
    const bool whiten = call.parameters().get<bool>("whiten", false);
    std::vector<double> sums(columns);
    for (std::size_t i = 0; i < x.size(); ++i) sums[i % columns] += static_cast<double>(x[i]);
    const auto mean = call.output<T>("mean", {x.shape()[1]});
    for (std::size_t i = 0; i < columns; ++i) {
        mean[i] = static_cast<T>(sums[i] / static_cast<double>(rows));
    }
    std::vector<T> centred(x.begin(), x.end());
    for (std::size_t i = 0; i < x.size(); ++i) centred[i] -= mean[i % columns];
    Svd<T> svd = decompose(rows, columns, std::move(centred));
    call.check_cancelled();
    flip(rows, columns, svd);

    const auto degrees = static_cast<double>(rows - 1);
    std::vector<double> variances, ratios;
    double total = 0;
    for (const T s : svd.s) {
        variances.push_back(static_cast<double>(s) * static_cast<double>(s) / degrees);
        total += variances.back();
    }
    for (const double variance : variances) ratios.push_back(variance / total);
    const std::size_t all = svd.s.size(), kept = wanted(call.parameters(), ratios);

    const auto k = static_cast<std::int64_t>(kept);
    const auto components = call.output<T>("components", {k, x.shape()[1]});
    std::copy_n(svd.vt.begin(), kept * columns, components.begin());
    const auto variance = call.output<T>("explained_variance", {k});
    const auto ratio = call.output<T>("explained_variance_ratio", {k});
    const auto values = call.output<T>("singular_values", {k});
    for (std::size_t i = 0; i < kept; ++i) {
        variance[i] = static_cast<T>(variances[i]);
        ratio[i] = static_cast<T>(ratios[i]);
        values[i] = svd.s[i];
    }
    const auto transformed = call.output<T>("transformed", {x.shape()[0], k});
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t i = 0; i < kept; ++i) {
            const T factor = whiten ? static_cast<T>(std::sqrt(degrees)) : svd.s[i];
            transformed[row * kept + i] = svd.u[row * all + i] * factor;
        }
    }
    double noise = 0;
    for (std::size_t i = kept; i < all; ++i) noise += variances[i];
    call.result({{"n_components", kept},
                 {"noise_variance", kept < all ? noise / static_cast<double>(all - kept) : 0.0}});
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    check_table(input);
    const auto &shape = input.shape();
    if (shape[0] < 2) throw edgemesh::InvalidInput(input.field(), "must have two rows or more");
    if (std::min(shape[0], shape[1]) > longest) {
        throw edgemesh::InvalidInput(input.field(), "must have a shorter side of at most " +
                                                        std::to_string(longest));
    }
    linalg::use_threads(call.threads());
    edgemesh::visit<float, double>(input, [&](const auto &x) {
        using T = Element<decltype(x)>;
        check_finite<T>(input, x);
        pca_of<T>(call, x);
    });
}

} // namespace

edgemesh::Algorithm pca() {
    return edgemesh::Algorithm("cpp.pca", "1")
        .about("Principal components of a table, as sklearn.decomposition.PCA fits and transforms "
               "it, signs included; by LAPACK gesdd. Fails with NoConvergence.")
        .parameter("n_components", {{"type", "number"},
                                    {"exclusiveMinimum", 0},
                                    {"description", "how many; below 1: as many as explain more "
                                                    "than this share of the variance; default: "
                                                    "min(n, d)"}})
        .parameter("whiten", {{"type", "boolean"},
                              {"default", false},
                              {"description", "scale what is transformed to variances of 1"}})
        .input(reals("x", "[n, d], finite"))
        .output(reals("transformed", "[n, k]: x in the components' coordinates"))
        .output(reals("components", "[k, d]: directions, largest variance first"))
        .output(reals("explained_variance", "[k]"))
        .output(reals("explained_variance_ratio", "[k]: shares of the whole variance"))
        .output(reals("singular_values", "[k]: of the centred x"))
        .output(reals("mean", "[d]"))
        .result(
            {{"type", "object"},
             {"properties",
              {{"n_components", {{"type", "integer"}}}, {"noise_variance", {{"type", "number"}}}}}})
        .run(run);
}

} // namespace stats
