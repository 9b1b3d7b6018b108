// A filter without feedback: y[n] = sum of b[k] x[n-k], many y at a time.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>

#include "lines.hpp"

// Compiled for several generations of processors; the one at hand is chosen when the plugin loads.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define DSP_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DSP_CLONES
#endif

namespace dsp {

// A complex product without the cases for infinities, which cost several times the product.
template <class T> T times(const T &x, const T &y) {
    if constexpr (is_complex<T>) {
        return {x.real() * y.real() - x.imag() * y.imag(),
                x.real() * y.imag() + x.imag() * y.real()};
    } else {
        return x * y;
    }
}

// y += the filtered x, which has taps - 1 elements before it.
void fir_add(const float *b, std::size_t taps, const float *x, std::size_t count, float *y);
void fir_add(const double *b, std::size_t taps, const double *x, std::size_t count, double *y);
template <class Real>
void fir_add(const std::complex<Real> *b, std::size_t taps, const std::complex<Real> *x,
             std::size_t count, std::complex<Real> *y) {
    constexpr std::size_t width = 4;
    for (std::size_t n = 0; n < count; n += width) {
        const std::size_t some = std::min(width, count - n);
        std::complex<Real> sums[width] = {};
        for (std::size_t k = 0; k < taps; ++k) {
            const std::complex<Real> *const from = x + n - k;
            for (std::size_t i = 0; i < some; ++i) sums[i] += times(b[k], from[i]);
        }
        for (std::size_t i = 0; i < some; ++i) y[n + i] += sums[i];
    }
}

// sum of h[k] x[k]
float dot(const float *h, const float *x, std::size_t count);
double dot(const double *h, const double *x, std::size_t count);

} // namespace dsp
