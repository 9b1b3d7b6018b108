// cpp.solve: numpy.linalg.solve by LU with partial pivoting (LAPACK getrf, getrs).
#include <algorithm>
#include <limits>

#include "algorithms.hpp"
#include "batches.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

// x of a x = b for every pair; a's factors are kept while it is the same.
template <class T>
void solve_all(edgemesh::Call &call, const Product &product, const T *a, const T *b, T *y) {
    const std::size_t n = product.rows, columns = product.columns, size = n * columns;
    const int side = static_cast<int>(n);
    const Scratch<T> lu(n * n);
    const Scratch<int> pivots(n);
    const Scratch<T> x(columns == 1 ? 0 : size);
    std::size_t factored = std::numeric_limits<std::size_t>::max();
    for (const auto &[in_a, in_b] : pairs(product.stack_a, product.stack_b)) {
        call.check_cancelled();
        if (in_a != factored) {
            transpose(n, n, a + in_a * n * n, lu.data());
            const int info = getrf(side, side, lu.data(), pivots.data());
            check_arguments(info);
            if (info > 0) throw edgemesh::Failure("SingularMatrix", "a is singular");
            factored = in_a;
        }
        T *const into = columns == 1 ? y : x.data();
        transpose(n, columns, b + in_b * size, into);
        check_arguments(getrs(side, static_cast<int>(columns), lu.data(), pivots.data(), into));
        if (columns != 1) transpose(columns, n, x.data(), y);
        y += size;
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &left = call.input("a");
    const edgemesh::Tensor &right = call.input("b");
    if (right.dtype() != left.dtype()) throw right.wrong_dtype({left.dtype()});
    square(left);
    const Product product = match(left, right); // a x has the shape of b, as x has
    use_threads(call.threads());
    visit_numbers(left, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto b = right.as<T>();
        const auto y = call.output<T>("y", product.shape);
        if (!y.empty()) solve_all(call, product, a.data(), b.data(), y.data());
    });
}

} // namespace

edgemesh::Algorithm solve() {
    return edgemesh::Algorithm("cpp.solve", "1")
        .about("x of a x = b, for square a or stacks of them, as numpy.linalg.solve; by LU with "
               "partial pivoting (LAPACK gesv). Fails with SingularMatrix.")
        .input(any_matrix("a", "[..., n, n]"))
        .input(any_matrix("b", "[n], or [..., n, k]; of a's type"))
        .output(any_matrix("y", "x: [..., n], or [..., n, k]"))
        .run(run);
}

} // namespace linalg
