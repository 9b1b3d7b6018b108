// cpp.linear_regression: ordinary least squares by QR (LAPACK geqrf) of the columns of x and y,
// without their means where there is an intercept: what is below the diagonal of y's column is what
// x does not explain.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <boost/math/distributions/students_t.hpp>

#include "algorithms.hpp"
#include "blas.hpp"
#include "lapack.hpp"
#include "samples.hpp"

namespace stats {
namespace {

// Column after column.
struct Table {
    std::size_t rows, columns;
    std::vector<double> numbers;
    double *column(std::size_t i) { return numbers.data() + i * rows; }
};

double take_mean(double *column, std::size_t rows) {
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) sum += column[i];
    const double mean = sum / static_cast<double>(rows);
    for (std::size_t i = 0; i < rows; ++i) column[i] -= mean;
    return mean;
}

double square_sum(const double *column, std::size_t rows) {
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) sum += column[i] * column[i];
    return sum;
}

// Leaves R, column after column, in the table.
void factor(Table &table) {
    const auto m = static_cast<int>(table.rows), n = static_cast<int>(table.columns);
    std::vector<double> tau(table.columns);
    double answer = 0;
    linalg::check_arguments(linalg::geqrf(m, n, table.numbers.data(), tau.data(), &answer, -1));
    const int lwork = std::max(linalg::workspace(answer), n);
    std::vector<double> work(static_cast<std::size_t>(lwork));
    linalg::check_arguments(
        linalg::geqrf(m, n, table.numbers.data(), tau.data(), work.data(), lwork));
}

// R's inverse, column after column, of R's first `size` columns.
std::vector<double> inverse(Table &table, std::size_t size) {
    std::vector<double> inverse(size * size);
    double largest = 0;
    for (std::size_t i = 0; i < size; ++i) {
        std::copy_n(table.column(i), i + 1, inverse.data() + i * size);
        largest = std::max(largest, std::abs(table.column(i)[i]));
    }
    const double least = largest * std::numeric_limits<double>::epsilon() *
                         static_cast<double>(std::max(table.rows, size));
    for (std::size_t i = 0; i < size; ++i) {
        if (!(std::abs(table.column(i)[i]) > least)) {
            throw edgemesh::Failure("SingularMatrix", "the columns of x (and the constant, if "
                                                      "there is an intercept) are not independent");
        }
    }
    const int n = static_cast<int>(size);
    int info = 0;
    LAPACK_dtrtri("U", "N", &n, inverse.data(), &n, &info);
    linalg::check_arguments(info);
    return inverse;
}

// Two-sided.
double p_value(double t, double degrees) {
    if (std::isnan(t)) return t;
    if (std::isinf(t)) return 0;
    return 2 *
           boost::math::cdf(boost::math::complement(boost::math::students_t(degrees), std::abs(t)));
}

edgemesh::Json number(double value) {
    return std::isfinite(value) ? edgemesh::Json(value) : edgemesh::Json(nullptr);
}

template <class T> Table read(const edgemesh::View<const T> &x, const edgemesh::View<const T> &y) {
    const std::size_t rows = y.size(), variables = rows == 0 ? 0 : x.size() / rows;
    Table table{rows, variables + 1, std::vector<double>(rows * (variables + 1))};
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t k = 0; k < variables; ++k) {
            table.column(k)[i] = static_cast<double>(x[i * variables + k]);
        }
        table.column(variables)[i] = static_cast<double>(y[i]);
    }
    return table;
}

void fit(edgemesh::Call &call, Table table) {
    const bool has_intercept = call.parameters().get<bool>("fit_intercept", true);
    const std::size_t n = table.rows, k = table.columns - 1, fitted = k + (has_intercept ? 1 : 0);
    if (n <= fitted) {
        throw edgemesh::InvalidInput("inputs.x", "must have more rows than there are coefficients "
                                                 "to find, " +
                                                     std::to_string(fitted));
    }
    std::vector<double> means(table.columns);
    if (has_intercept) {
        for (std::size_t i = 0; i <= k; ++i) means[i] = take_mean(table.column(i), n);
    }
    const double total = square_sum(table.column(k), n);
    factor(table);
    call.check_cancelled();
    const std::vector<double> inverse = stats::inverse(table, k);
    const double *const projected = table.column(k);
    const double residual = projected[k] * projected[k];
    const auto degrees = static_cast<double>(n - fitted);
    const double variance = residual / degrees;

    const auto length = static_cast<std::int64_t>(k);
    const auto coefficients = call.output<double>("coefficients", {length});
    const auto errors = call.output<double>("standard_errors", {length});
    const auto t = call.output<double>("t_values", {length});
    const auto p = call.output<double>("p_values", {length});
    std::vector<double> leverage(k); // R^-T times the means
    double intercept = means[k];
    for (std::size_t row = 0; row < k; ++row) {
        double coefficient = 0, squares = 0;
        for (std::size_t column = row; column < k; ++column) {
            const double element = inverse[column * k + row];
            coefficient += element * projected[column];
            squares += element * element;
            leverage[column] += element * means[row];
        }
        coefficients[row] = coefficient;
        errors[row] = std::sqrt(variance * squares);
        t[row] = coefficient / errors[row];
        p[row] = p_value(t[row], degrees);
        intercept -= coefficient * means[row];
    }
    edgemesh::Json result{{"r_squared", number(1 - residual / total)},
                          {"residual_variance", number(variance)},
                          {"degrees_of_freedom", n - fitted},
                          {"intercept", has_intercept ? number(intercept) : edgemesh::Json(0)}};
    if (has_intercept) {
        const double error =
            std::sqrt(variance * (1 / static_cast<double>(n) + square_sum(leverage.data(), k)));
        result["intercept_standard_error"] = number(error);
        result["intercept_t_value"] = number(intercept / error);
        result["intercept_p_value"] = number(p_value(intercept / error, degrees));
    }
    call.result(result);
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &x = call.input("x");
    const edgemesh::Tensor &y = call.input("y");
    if (x.rank() != 1) check_table(x);
    if (y.rank() != 1) throw edgemesh::InvalidInput(y.field(), "must have one dimension");
    if (x.shape()[0] != y.shape()[0]) {
        throw edgemesh::InvalidInput(y.field(), "must be as long as x, " +
                                                    std::to_string(x.shape()[0]) + ", is " +
                                                    std::to_string(y.shape()[0]));
    }
    if (x.shape()[0] > std::numeric_limits<int>::max()) {
        throw edgemesh::InvalidInput(x.field(), "must have dimensions shorter than 2^31");
    }
    linalg::use_threads(call.threads());
    edgemesh::visit<float, double>(x, [&](const auto &numbers) {
        using T = Element<decltype(numbers)>;
        const auto targets = y.as<T>();
        check_finite<T>(x, numbers);
        check_finite<T>(y, targets);
        fit(call, read<T>(numbers, targets));
    });
}

} // namespace

edgemesh::Algorithm linear_regression() {
    const edgemesh::Json number{{"type", {"number", "null"}}};
    return edgemesh::Algorithm("cpp.linear_regression", "1")
        .about("Ordinary least squares y = x coefficients + intercept with the statistics of the "
               "fit, as statsmodels' OLS, and scipy.stats.linregress for one variable; by LAPACK "
               "geqrf and Boost.Math. Fails with SingularMatrix.")
        .parameter("fit_intercept", {{"type", "boolean"}, {"default", true}})
        .input(reals("x", "[n, k], or [n], finite"))
        .input(reals("y", "[n], of x's type, finite"))
        .output(doubles("coefficients", "[k]"))
        .output(doubles("standard_errors", "[k]: of the coefficients"))
        .output(doubles("t_values", "[k]: coefficients by their standard errors"))
        .output(doubles("p_values", "[k]: that chance alone gives such t, two-sided"))
        .result({{"type", "object"},
                 {"properties",
                  {{"intercept", number},
                   {"intercept_standard_error", number},
                   {"intercept_t_value", number},
                   {"intercept_p_value", number},
                   {"r_squared", number},
                   {"residual_variance", number},
                   {"degrees_of_freedom", {{"type", "integer"}}}}}})
        .run(run);
}

} // namespace stats
