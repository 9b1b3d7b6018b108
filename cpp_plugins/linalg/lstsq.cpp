// cpp.lstsq: numpy.linalg.lstsq by the singular value decomposition (LAPACK gelsd).
#include <algorithm>
#include <cmath>
#include <limits>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

constexpr std::size_t longest = 20000; // a side's workspace still counts in 32 bits

struct Sides {
    std::size_t m, n, columns; // of a: m, n; of b: m, columns
    std::size_t smaller() const { return std::min(m, n); }
    std::size_t larger() const { return std::max(m, n); }
};

Sides sides(const edgemesh::Tensor &a, const edgemesh::Tensor &b) {
    if (a.rank() != 2) throw edgemesh::InvalidInput(a.field(), "must have two dimensions");
    if (b.rank() != 1 && b.rank() != 2) {
        throw edgemesh::InvalidInput(b.field(), "must have one or two dimensions");
    }
    const Stack matrix = stack(a);
    if (b.shape()[0] != a.shape()[0]) {
        throw edgemesh::InvalidInput(b.field(), "first dimension must be " +
                                                    std::to_string(matrix.rows) + ", as a's, is " +
                                                    std::to_string(b.shape()[0]));
    }
    const Sides sides{matrix.rows, matrix.columns,
                      b.rank() == 1 ? 1 : static_cast<std::size_t>(b.shape()[1])};
    check_side(a, sides.smaller(), longest);
    if (sides.columns > 0 && sides.larger() * 4 > (std::size_t{1} << 31) / sides.columns) {
        throw edgemesh::InvalidInput(b.field(), "must be smaller: a's longer side times b's "
                                                "columns must be less than 2^29");
    }
    return sides;
}

// Solves in place: b, column after column of the longer side, becomes x. Gives the rank.
template <class T>
std::size_t solve_in_place(const Sides &sides, Real<T> rcond, T *a, T *b, Real<T> *s) {
    const auto m = static_cast<int>(sides.m), n = static_cast<int>(sides.n);
    const auto columns = static_cast<int>(sides.columns);
    const auto ldb = static_cast<int>(sides.larger());
    int rank = 0, integers = 0;
    T answer{};
    Real<T> real{};
    check_arguments(
        gelsd(m, n, columns, a, b, ldb, s, rcond, &rank, &answer, -1, &real, &integers));
    const int lwork = workspace(answer);
    const Scratch<T> work(static_cast<std::size_t>(lwork));
    const Scratch<Real<T>> rwork(is_complex<T> ? static_cast<std::size_t>(workspace(real)) : 0);
    const Scratch<int> iwork(static_cast<std::size_t>(std::max(integers, 1)));
    const int info = gelsd(m, n, columns, a, b, ldb, s, rcond, &rank, work.data(), lwork,
                           rwork.data(), iwork.data());
    check_arguments(info);
    if (info > 0) throw edgemesh::Failure("NoConvergence", "the iteration did not converge");
    return static_cast<std::size_t>(rank);
}

template <class T>
void lstsq_of(edgemesh::Call &call, const edgemesh::View<const T> &a,
              const edgemesh::View<const T> &b, const Sides &sides) {
    using R = Real<T>;
    const std::size_t m = sides.m, n = sides.n, k = sides.columns, longer = sides.larger();
    auto rcond = static_cast<R>(call.parameters().get<double>("rcond", -2.0));
    if (rcond == -2) rcond = std::numeric_limits<R>::epsilon() * static_cast<R>(longer);

    edgemesh::Shape shape{static_cast<std::int64_t>(n)};
    if (b.rank() == 2) shape.push_back(static_cast<std::int64_t>(k));
    const auto x = output<T>(call, "x", call.input("a"), shape);
    const auto s = call.output<R>("s", {static_cast<std::int64_t>(sides.smaller())});
    std::size_t rank = 0;
    const Scratch<T> solution(longer * k);
    if (sides.smaller() == 0) {
        std::fill(x.begin(), x.end(), T{});
        std::fill_n(solution.data(), longer * k, T{});
        if (n == 0) transpose(m, k, b.data(), k, solution.data(), longer);
    } else {
        const Scratch<T> copy(m * n);
        const Scratch<T> one(k == 0 ? longer : 0); // gelsd wants a column
        transpose(m, n, a.data(), copy.data());
        transpose(m, k, b.data(), k, solution.data(), longer);
        if (k == 0) std::fill_n(one.data(), longer, T{});
        Sides solved = sides;
        solved.columns = std::max<std::size_t>(k, 1);
        rank = solve_in_place(solved, rcond, copy.data(), k == 0 ? one.data() : solution.data(),
                              s.data());
        transpose(k, n, solution.data(), longer, x.data(), k);
    }
    const std::size_t told = rank == n && m > n ? k : 0; // as numpy: only then are they defined
    const auto residuals = call.output<R>("residuals", {static_cast<std::int64_t>(told)});
    for (std::size_t column = 0; column < told; ++column) {
        R sum = 0;
        for (std::size_t i = n; i < m; ++i) sum += std::norm(solution[column * longer + i]);
        residuals[column] = sum;
    }
    call.result({{"rank", rank}});
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &left = call.input("a");
    const edgemesh::Tensor &right = call.input("b");
    if (right.dtype() != left.dtype()) throw right.wrong_dtype({left.dtype()});
    const Sides sides = linalg::sides(left, right);
    use_threads(call.threads());
    visit_numbers(left, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto b = right.as<T>();
        check_finite<T>(left, a);
        check_finite<T>(right, b);
        lstsq_of<T>(call, a, b, sides);
    });
}

} // namespace

edgemesh::Algorithm lstsq() {
    return edgemesh::Algorithm("cpp.lstsq", "1")
        .about("x for which |a x - b| is least, the shortest if there are many, as "
               "numpy.linalg.lstsq, in the inputs' own precision; by LAPACK gelsd. Fails with "
               "NoConvergence.")
        .parameter("rcond", {{"type", "number"},
                             {"minimum", -1},
                             {"description", "singular values below rcond times the largest count "
                                             "as 0; -1: the machine's precision; default: that "
                                             "times the longer side"}})
        .input(any_matrix("a", "[m, n], finite"))
        .input(any_matrix("b", "[m], or [m, k], of a's type, finite"))
        .output(any_matrix("x", "[n], or [n, k]"))
        .output(real_numbers("residuals", "[k]: squares of the lengths of b - a x; empty unless a "
                                          "has full rank and m > n"))
        .output(real_numbers("s", "[min(m, n)]: a's singular values"))
        .result({{"type", "object"}, {"properties", {{"rank", {{"type", "integer"}}}}}})
        .run(run);
}

} // namespace linalg
