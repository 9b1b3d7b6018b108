// OpenBLAS: the product of matrices, and its threads.
#pragma once

#include <complex>
#include <cstddef>
#include <type_traits>

#include <cblas.h>

namespace linalg {

// OpenBLAS has one number of threads for the process.
void use_threads(unsigned threads);

// c = a b; all of them rows after rows, sides below 2^31.
template <class T>
void multiply(std::size_t rows, std::size_t inner, std::size_t columns, const T *a, const T *b,
              T *c) {
    const auto m = static_cast<blasint>(rows);
    const auto k = static_cast<blasint>(inner);
    const auto n = static_cast<blasint>(columns);
    const auto gemm = [&](auto function, auto one, auto zero) {
        function(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, one, a, k, b, n, zero, c, n);
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

} // namespace linalg
