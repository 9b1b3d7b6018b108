// cpp.det and cpp.slogdet: the product of LU's diagonal (LAPACK getrf), as numpy.linalg.
#include <cmath>
#include <limits>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

// sign exp(logarithm) is the determinant; 0 and -inf if it is 0.
template <class T> struct Determinant {
    T sign;
    Real<T> logarithm;
};

template <class T> Determinant<T> determinant(std::size_t n, const T *a, T *lu, int *pivots) {
    if (n == 0) return {T{1}, 0};
    transpose(n, n, a, lu);
    const int side = static_cast<int>(n);
    const int info = getrf(side, side, lu, pivots);
    check_arguments(info);
    if (info > 0) return {T{0}, -std::numeric_limits<Real<T>>::infinity()};
    Determinant<T> found{T{1}, 0};
    for (std::size_t i = 0; i < n; ++i) {
        if (pivots[i] != static_cast<int>(i) + 1) found.sign = -found.sign;
        const T element = lu[i * (n + 1)];
        const Real<T> size = std::abs(element);
        found.sign *= element / size;
        found.logarithm += std::log(size);
    }
    return found;
}

// take(determinant) for each matrix.
template <class T, class Take>
void each(edgemesh::Call &call, const Stack &matrices, const T *a, std::size_t count, Take &&take) {
    const Scratch<T> lu(matrices.size());
    const Scratch<int> pivots(matrices.rows);
    for (std::size_t i = 0; i < count; ++i) {
        call.check_cancelled();
        take(i, determinant(matrices.rows, a + i * matrices.size(), lu.data(), pivots.data()));
    }
}

void run_det(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto y = call.output<T>("y", matrices.leading);
        each(call, matrices, a.data(), y.size(), [&](std::size_t i, const Determinant<T> &found) {
            y[i] = found.sign * std::exp(found.logarithm);
        });
    });
}

void run_slogdet(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto sign = call.output<T>("sign", matrices.leading);
        const auto logarithm = call.output<Real<T>>("logabsdet", matrices.leading);
        each(call, matrices, a.data(), sign.size(),
             [&](std::size_t i, const Determinant<T> &found) {
                 sign[i] = found.sign;
                 logarithm[i] = found.logarithm;
             });
    });
}

} // namespace

edgemesh::Algorithm det() {
    return edgemesh::Algorithm("cpp.det", "1")
        .about("The determinant of a square matrix, or of each of a stack, as numpy.linalg.det; "
               "by LU with partial pivoting (LAPACK getrf).")
        .input(any_matrix("a", "[..., n, n]"))
        .output(any_matrix("y", "[...]"))
        .run(run_det);
}

edgemesh::Algorithm slogdet() {
    return edgemesh::Algorithm("cpp.slogdet", "1")
        .about("The determinant's sign and its size's natural logarithm, as numpy.linalg.slogdet, "
               "where the determinant itself would overflow; by LU (LAPACK getrf).")
        .input(any_matrix("a", "[..., n, n]"))
        .output(any_matrix("sign", "[...]: -1, 0 or 1; of complex a, a number of size 1, or 0"))
        .output(real_numbers("logabsdet", "[...]; -inf if the determinant is 0"))
        .run(run_slogdet);
}

} // namespace linalg
