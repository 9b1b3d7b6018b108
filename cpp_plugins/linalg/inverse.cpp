// cpp.inv: numpy.linalg.inv. The inverse of the transpose is the inverse's transpose: nothing is
// transposed.
#include <algorithm>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

template <class T> void invert(int n, T *a, int *pivots, T *work, int lwork) {
    int info = getrf(n, n, a, pivots);
    check_arguments(info);
    if (info == 0) info = getri(n, a, pivots, work, lwork);
    check_arguments(info);
    if (info > 0) throw edgemesh::Failure("SingularMatrix", "a is singular");
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto y = call.output<T>("y", a.shape());
        if (y.empty()) return;
        const int n = static_cast<int>(matrices.rows);
        const Scratch<int> pivots(matrices.rows);
        T answer{};
        check_arguments(getri(n, y.data(), pivots.data(), &answer, -1));
        const int lwork = std::max(workspace(answer), n);
        const Scratch<T> work(static_cast<std::size_t>(lwork));
        std::copy(a.begin(), a.end(), y.begin());
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            invert(n, y.data() + i * matrices.size(), pivots.data(), work.data(), lwork);
        }
    });
}

} // namespace

edgemesh::Algorithm inv() {
    return edgemesh::Algorithm("cpp.inv", "1")
        .about("The inverse of a square matrix, or of a stack of them, as numpy.linalg.inv; by LU "
               "with partial pivoting (LAPACK getrf, getri). Fails with SingularMatrix.")
        .input(any_matrix("a", "[..., n, n]"))
        .output(any_matrix("y", "a's inverse"))
        .run(run);
}

} // namespace linalg
