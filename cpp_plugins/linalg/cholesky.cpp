// cpp.cholesky: numpy.linalg.cholesky. In memory a lower triangle of C's is LAPACK's upper one, and
// the factor too: nothing is transposed.
#include <algorithm>
#include <complex>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

// OpenBLAS takes NaN for positive.
template <class T> bool positive_diagonal(std::size_t n, const T *factor) {
    for (std::size_t i = 0; i < n; ++i) {
        if (!(std::real(factor[i * (n + 1)]) > 0)) return false;
    }
    return true;
}

// Zeros in the triangle that is not the factor.
template <class T> void clear(std::size_t n, bool upper, T *a) {
    for (std::size_t row = 0; row < n; ++row) {
        T *const begin = a + row * n;
        if (upper) {
            std::fill(begin, begin + row, T{});
        } else {
            std::fill(begin + row + 1, begin + n, T{});
        }
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    const bool upper = call.parameters().get<bool>("upper", false);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto y = call.output<T>("y", a.shape());
        std::copy(a.begin(), a.end(), y.begin());
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            T *const matrix = y.data() + i * matrices.size();
            const int info = potrf(upper ? 'L' : 'U', static_cast<int>(matrices.rows), matrix);
            check_arguments(info);
            if (info > 0 || !positive_diagonal(matrices.rows, matrix)) {
                throw edgemesh::Failure("NotPositiveDefinite", "a is not positive definite");
            }
            clear(matrices.rows, upper, matrix);
        }
    });
}

} // namespace

edgemesh::Algorithm cholesky() {
    return edgemesh::Algorithm("cpp.cholesky", "1")
        .about("The triangular factor of a Hermitian positive definite matrix, or of a stack of "
               "them, as numpy.linalg.cholesky; by LAPACK potrf. Fails with NotPositiveDefinite.")
        .parameter("upper", {{"type", "boolean"},
                             {"default", false},
                             {"description", "read the upper triangle and give the upper factor u, "
                                             "u^H u = a; else the lower l, l l^H = a"}})
        .input(any_matrix("a", "[..., n, n]; only one triangle is read"))
        .output(any_matrix("y", "a's factor, zeros elsewhere"))
        .run(run);
}

} // namespace linalg
