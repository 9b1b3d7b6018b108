// cpp.cov: numpy.cov, by OpenBLAS (syrk).
#include <cstdint>
#include <vector>

#include <cblas.h>

#include "algorithms.hpp"
#include "blas.hpp"
#include "samples.hpp"

namespace stats {
namespace {

// Variables as rows, or as columns, without their means.
template <class T>
std::vector<double> centred(const edgemesh::View<const T> &m, std::size_t variables,
                            std::size_t observations, bool by_rows) {
    std::vector<double> x(m.begin(), m.end());
    const std::size_t variable_step = by_rows ? observations : 1;
    const std::size_t observation_step = by_rows ? 1 : variables;
    std::vector<double> means(variables);
    for (std::size_t k = 0; k < x.size(); ++k) {
        means[by_rows ? k / observations : k % variables] += x[k];
    }
    for (double &mean : means) mean /= static_cast<double>(observations);
    for (std::size_t variable = 0; variable < variables; ++variable) {
        for (std::size_t i = 0; i < observations; ++i) {
            x[variable * variable_step + i * observation_step] -= means[variable];
        }
    }
    return x;
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("m");
    const edgemesh::Parameters &parameters = call.parameters();
    if (input.rank() != 1) check_table(input);
    const bool by_rows = input.rank() == 1 || parameters.get<bool>("rowvar", true);
    const bool bias = parameters.get<bool>("bias", false);
    const auto ddof = static_cast<double>(parameters.get<std::int64_t>("ddof", bias ? 0 : 1));
    const edgemesh::Shape shape =
        input.rank() == 1 ? edgemesh::Shape{1, input.shape()[0]} : input.shape();
    const auto variables = static_cast<std::size_t>(shape[by_rows ? 0 : 1]);
    const auto observations = static_cast<std::size_t>(shape[by_rows ? 1 : 0]);
    const auto side = static_cast<std::int64_t>(variables);
    linalg::use_threads(call.threads());
    edgemesh::visit<float, double>(input, [&](const auto &m) {
        using T = Element<decltype(m)>;
        if (observations > 2147483647) {
            throw edgemesh::InvalidInput(input.field(), "must have dimensions shorter than 2^31");
        }
        const auto y =
            call.output<double>("y", side == 1 ? edgemesh::Shape{} : edgemesh::Shape{side, side});
        const std::vector<double> x = centred<T>(m, variables, observations, by_rows);
        call.check_cancelled();
        const auto n = static_cast<blasint>(variables), k = static_cast<blasint>(observations);
        const double divisor = std::max(static_cast<double>(observations) - ddof, 0.0);
        cblas_dsyrk(CblasRowMajor, CblasUpper, by_rows ? CblasNoTrans : CblasTrans, n, k, 1.0,
                    x.data(), by_rows ? k : n, 0.0, y.data(), n);
        for (std::size_t row = 0; row < variables; ++row) {
            for (std::size_t column = row; column < variables; ++column) {
                const double one = y[row * variables + column] / divisor;
                y[row * variables + column] = y[column * variables + row] = one;
            }
        }
    });
}

} // namespace

edgemesh::Algorithm cov() {
    return edgemesh::Algorithm("cpp.cov", "1")
        .about("The covariance matrix of some variables, as numpy.cov, in double precision; by "
               "OpenBLAS.")
        .parameter("rowvar", {{"type", "boolean"},
                              {"default", true},
                              {"description", "each row is a variable; else each column"}})
        .parameter(
            "bias",
            {{"type", "boolean"}, {"default", false}, {"description", "divide by n, not by n - 1"}})
        .parameter("ddof",
                   {{"type", "integer"}, {"description", "divide by n - ddof, whatever bias"}})
        .input(reals("m", "[variables, observations], or [observations]"))
        .output(doubles("y", "[variables, variables]; of one variable, its variance"))
        .run(run);
}

} // namespace stats
