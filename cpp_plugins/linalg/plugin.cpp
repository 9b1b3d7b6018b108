// cpp.matmul: numpy.matmul on OpenBLAS.
#include <algorithm>
#include <complex>
#include <mutex>
#include <type_traits>

#include <cblas.h>
#include <edgemesh_plugin.hpp>

#include "batches.hpp"

namespace {

// c = a b; all of them rows after rows.
template <class T> void multiply(const linalg::Product &product, const T *a, const T *b, T *c) {
    const auto rows = static_cast<blasint>(product.rows);
    const auto inner = static_cast<blasint>(product.inner);
    const auto columns = static_cast<blasint>(product.columns);
    const auto gemm = [&](auto function, auto one, auto zero) {
        function(CblasRowMajor, CblasNoTrans, CblasNoTrans, rows, columns, inner, one, a, inner, b,
                 columns, zero, c, columns);
    };
    if constexpr (std::is_same_v<T, float>) {
        gemm(cblas_sgemm, 1.0F, 0.0F);
    } else if constexpr (std::is_same_v<T, double>) {
        gemm(cblas_dgemm, 1.0, 0.0);
    } else {
        const T one = 1, zero = 0;
        if constexpr (std::is_same_v<T, std::complex<float>>) {
            gemm(cblas_cgemm, &one, &zero);
        } else {
            gemm(cblas_zgemm, &one, &zero);
        }
    }
}

// OpenBLAS has one number of threads for the process.
void use_threads(unsigned threads) {
    static std::mutex mutex;
    const std::lock_guard<std::mutex> lock(mutex);
    const int wanted = static_cast<int>(std::min(threads, 1024U));
    if (openblas_get_num_threads() != wanted) openblas_set_num_threads(wanted);
}

void matmul(edgemesh::Call &call) {
    const edgemesh::Tensor &left = call.input("a");
    const edgemesh::Tensor &right = call.input("b");
    if (right.dtype() != left.dtype()) throw right.wrong_dtype({left.dtype()});
    linalg::Product product = linalg::match(left, right);
    use_threads(call.threads());

    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        left, [&](const auto &a) {
            using T = std::remove_const_t<std::remove_pointer_t<decltype(a.data())>>;
            const auto b = right.as<T>();
            const auto y = call.output<T>("y", product.shape);
            if (y.empty()) return;
            if (product.inner == 0) {
                std::fill(y.begin(), y.end(), T{});
                return;
            }
            const linalg::Batches batches = linalg::batches(product);
            const std::size_t size_a = product.rows * product.inner;
            const std::size_t size_b = product.inner * product.columns;
            T *c = y.data();
            for (const auto &[in_a, in_b] : batches) {
                call.check_cancelled();
                multiply(product, a.data() + in_a * size_a, b.data() + in_b * size_b, c);
                c += product.rows * product.columns;
            }
        });
}

edgemesh::TensorSpec operand(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<float, double, std::complex<float>, std::complex<double>>()
        .any_rank()
        .allow_empty()
        .about(about);
}

} // namespace

EDGEMESH_PLUGIN("linalg", "1.0.0",
                edgemesh::Algorithm("cpp.matmul", "1")
                    .about("The product of two matrices, or of stacks of them, as numpy.matmul; "
                           "by OpenBLAS.")
                    .input(operand("a", "[..., n, k], or [k]"))
                    .input(operand("b", "[..., k, m], or [k]; of a's type"))
                    .output(operand("y", "[..., n, m], of a's type"))
                    .run(matmul))
