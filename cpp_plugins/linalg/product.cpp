// cpp.matmul: numpy.matmul on OpenBLAS.
#include <algorithm>

#include "algorithms.hpp"
#include "batches.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &left = call.input("a");
    const edgemesh::Tensor &right = call.input("b");
    if (right.dtype() != left.dtype()) throw right.wrong_dtype({left.dtype()});
    Product product = match(left, right);
    use_threads(call.threads());

    visit_numbers(left, [&](const auto &a) {
        using T = Element<decltype(a)>;
        const auto b = right.as<T>();
        const auto y = call.output<T>("y", product.shape);
        if (y.empty()) return;
        if (product.inner == 0) {
            std::fill(y.begin(), y.end(), T{});
            return;
        }
        const Batches batches = linalg::batches(product);
        const std::size_t size_a = product.rows * product.inner;
        const std::size_t size_b = product.inner * product.columns;
        T *c = y.data();
        for (const auto &[in_a, in_b] : batches) {
            call.check_cancelled();
            multiply(product.rows, product.inner, product.columns, a.data() + in_a * size_a,
                     b.data() + in_b * size_b, c);
            c += product.rows * product.columns;
        }
    });
}

} // namespace

edgemesh::Algorithm matmul() {
    return edgemesh::Algorithm("cpp.matmul", "1")
        .about("The product of two matrices, or of stacks of them, as numpy.matmul; by OpenBLAS.")
        .input(any_matrix("a", "[..., n, k], or [k]"))
        .input(any_matrix("b", "[..., k, m], or [k]; of a's type"))
        .output(any_matrix("y", "[..., n, m], of a's type"))
        .run(run);
}

} // namespace linalg
