#include "fir.hpp"

namespace dsp {
namespace {

// always_inline: into each of the clones below.
template <class T>
__attribute__((always_inline)) inline void add(const T *__restrict b, std::size_t taps,
                                               const T *__restrict x, std::size_t count,
                                               T *__restrict y) {
    constexpr std::size_t width = 256 / sizeof(T);
    std::size_t n = 0;
    for (; n + width <= count; n += width) {
        T sums[width] = {};
        for (std::size_t k = 0; k < taps; ++k) {
            const T *const from = x + n - k;
            const T factor = b[k];
            for (std::size_t i = 0; i < width; ++i) sums[i] += factor * from[i];
        }
        for (std::size_t i = 0; i < width; ++i) y[n + i] += sums[i];
    }
    for (; n < count; ++n) {
        T sum{};
        for (std::size_t k = 0; k < taps; ++k) sum += b[k] * *(x + n - k);
        y[n] += sum;
    }
}

template <class T>
__attribute__((always_inline)) inline T product(const T *__restrict h, const T *__restrict x,
                                                std::size_t count) {
    constexpr std::size_t lanes = 8;
    T sums[lanes] = {};
    std::size_t k = 0;
    for (; k + lanes <= count; k += lanes) {
        for (std::size_t i = 0; i < lanes; ++i) sums[i] += h[k + i] * x[k + i];
    }
    T total{};
    for (; k < count; ++k) total += h[k] * x[k];
    return total + ((sums[0] + sums[4]) + (sums[1] + sums[5])) +
           ((sums[2] + sums[6]) + (sums[3] + sums[7]));
}

} // namespace

DSP_CLONES void fir_add(const float *b, std::size_t taps, const float *x, std::size_t count,
                        float *y) {
    add(b, taps, x, count, y);
}
DSP_CLONES void fir_add(const double *b, std::size_t taps, const double *x, std::size_t count,
                        double *y) {
    add(b, taps, x, count, y);
}
DSP_CLONES float dot(const float *h, const float *x, std::size_t count) {
    return product(h, x, count);
}
DSP_CLONES double dot(const double *h, const double *x, std::size_t count) {
    return product(h, x, count);
}

} // namespace dsp
