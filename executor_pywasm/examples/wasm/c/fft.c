// A library: the discrete Fourier transform of a signal that it makes itself, and a sum over it.
// Called by name with typed arguments; the same source is compiled natively by the benchmark.

#include <math.h>
#include <stdint.h>

#define MOST 65536
#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name))) name
#else
#define EXPORT(name) name
#endif

static double re[MOST], im[MOST];

static void transform(uint32_t n) {
    for (uint32_t i = 1, j = 0; i < n; i++) {
        uint32_t bit = n >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            double t = re[i]; re[i] = re[j]; re[j] = t;
            t = im[i]; im[i] = im[j]; im[j] = t;
        }
    }
    for (uint32_t size = 2; size <= n; size <<= 1) {
        double angle = -2 * 3.14159265358979323846 / size;
        double step_re = cos(angle), step_im = sin(angle);
        for (uint32_t start = 0; start < n; start += size) {
            double w_re = 1, w_im = 0;
            for (uint32_t k = start; k < start + size / 2; k++) {
                uint32_t l = k + size / 2;
                double t_re = re[l] * w_re - im[l] * w_im, t_im = re[l] * w_im + im[l] * w_re;
                re[l] = re[k] - t_re; im[l] = im[k] - t_im;
                re[k] += t_re; im[k] += t_im;
                double next = w_re * step_re - w_im * step_im;
                w_im = w_re * step_im + w_im * step_re;
                w_re = next;
            }
        }
    }
}

// The energy of the spectrum of `count` transforms of n points (a power of two, at most 65536) of
// a sawtooth: by Parseval's theorem n times that of the signal. Below 0: n is none of those.
double EXPORT(energy)(uint32_t n, uint32_t count) {
    if (n < 2 || n > MOST || (n & (n - 1))) return -1;
    double sum = 0;
    for (uint32_t c = 0; c < count; c++) {
        for (uint32_t i = 0; i < n; i++) { re[i] = (double)((i + c) % 17) - 8; im[i] = 0; }
        transform(n);
        for (uint32_t i = 0; i < n; i++) sum += re[i] * re[i] + im[i] * im[i];
    }
    return sum;
}

int64_t EXPORT(gcd)(int64_t a, int64_t b) {
    while (b) { int64_t t = a % b; a = b; b = t; }
    return a < 0 ? -a : a;
}
