// A filter without feedback: y[n] = sum of b[k] x[n-k], many y at a time.
#pragma once

#include <algorithm>
#include <cstddef>

#include "recursion.hpp"

namespace filters {

// x has taps - 1 elements before it.
template <class T> void fir(const T *b, std::size_t taps, const T *x, std::size_t count, T *y) {
    constexpr std::size_t width = 32 / sizeof(dsp::Real<T>) * (dsp::is_complex<T> ? 1 : 2);
    std::size_t n = 0;
    for (; n + width <= count; n += width) {
        T sums[width] = {};
        for (std::size_t k = 0; k < taps; ++k) {
            const T *const from = x + n - k;
            for (std::size_t i = 0; i < width; ++i) sums[i] += times(b[k], from[i]);
        }
        std::copy_n(sums, width, y + n);
    }
    for (; n < count; ++n) {
        T sum{};
        for (std::size_t k = 0; k < taps; ++k) sum += times(b[k], *(x + n - k));
        y[n] = sum;
    }
}

} // namespace filters
