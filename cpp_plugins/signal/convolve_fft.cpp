#include <algorithm>
#include <cmath>
#include <complex>
#include <type_traits>

#include "arrays.hpp"
#include "batch.hpp"
#include "convolve.hpp"
#include "fir.hpp"
#include "in_place.hpp"
#include "lines.hpp"

namespace signals {
namespace {

using edgemesh::Shape;

template <class T> using Complex = std::complex<dsp::Real<T>>;

// The next length that FFTW is fast at.
std::size_t fast_length(std::size_t least) {
    for (std::size_t length = least + least % 2 * (least > 1 ? 1 : 0);;
         length += least > 1 ? 2 : 1) {
        std::size_t rest = length;
        for (const std::size_t prime : {2U, 3U, 5U, 7U}) {
            while (rest % prime == 0) rest /= prime;
        }
        if (rest == 1) return length;
    }
}

Shape full_shape(const Shape &a, const Shape &b) {
    Shape full = a;
    for (std::size_t i = 0; i < a.size(); ++i) full[i] += b[i] - 1;
    return full;
}

// A long line and a short one: piece by piece, with a transform of this length, which fits the
// fast caches.
std::size_t block_length(std::size_t taps) {
    std::size_t length = 1024;
    while (length < 8 * taps) length *= 2;
    return length;
}
template <class T> bool in_blocks(const Convolution<T> &task) {
    const auto taps = static_cast<std::size_t>(task.b_shape.back());
    return task.a_shape.size() == 1 && fft::size_of(task.a_shape) > 2 * block_length(taps);
}

// The spectrum of an array that has been filled up with zeros to `shape`; without the redundant
// half if it is real. Without factors.
template <class T>
void forward(const edgemesh::Call &call, const Shape &shape, T *x, Complex<T> *y) {
    const auto length = static_cast<std::size_t>(shape.back());
    Shape spectrum;
    if constexpr (!dsp::is_complex<T>) {
        fft::forward(length, fft::size_of(shape) / length, x, y);
        spectrum = fft::half_shape(shape, shape.size() - 1);
    } else {
        spectrum = shape;
        fft::transform(fft::complex_forward, length, fft::size_of(shape) / length, x, y);
    }
    std::vector<std::size_t> others;
    for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) others.push_back(axis);
    fft::transform_in_place(call, fft::complex_forward, spectrum, others, y);
}
template <class T>
void inverse(const edgemesh::Call &call, const Shape &shape, Complex<T> *x, T *y) {
    const auto length = static_cast<std::size_t>(shape.back());
    std::vector<std::size_t> others;
    for (std::size_t axis = 0; axis + 1 < shape.size(); ++axis) others.push_back(axis);
    const Shape spectrum = dsp::is_complex<T> ? shape : fft::half_shape(shape, shape.size() - 1);
    fft::transform_in_place(call, fft::complex_inverse, spectrum, others, x);
    if constexpr (!dsp::is_complex<T>) {
        fft::inverse(length, fft::size_of(shape) / length, x, y);
    } else {
        fft::transform(fft::complex_inverse, length, fft::size_of(shape) / length, x, y);
    }
}

template <class T> std::size_t spectrum_size(const Shape &shape) {
    return fft::size_of(dsp::is_complex<T> ? shape : fft::half_shape(shape, shape.size() - 1));
}

// a *= b * factor
template <class C>
void multiply(C *a, const C *b, std::size_t size, typename C::value_type factor) {
    for (std::size_t i = 0; i < size; ++i) a[i] = dsp::times(a[i], b[i]) * factor;
}

template <class T> void whole(const edgemesh::Call &call, const Convolution<T> &task, T *y) {
    Shape shape = full_shape(task.a_shape, task.b_shape);
    for (std::int64_t &length : shape) {
        length = static_cast<std::int64_t>(fast_length(static_cast<std::size_t>(length)));
    }
    const std::size_t size = spectrum_size<T>(shape);
    fft::Buffer<T> padded(fft::size_of(shape));
    fft::Buffer<Complex<T>> a(size), b(size);
    std::fill(padded.begin(), padded.end(), T{});
    fft::copy_block(task.a, task.a_shape, 0, padded.data(), shape, 0, task.a_shape);
    forward(call, shape, padded.data(), a.data());
    std::fill(padded.begin(), padded.end(), T{});
    fft::copy_block(task.b, task.b_shape, 0, padded.data(), shape, 0, task.b_shape);
    forward(call, shape, padded.data(), b.data());
    multiply(a.data(), b.data(), size,
             static_cast<dsp::Real<T>>(1.0 / static_cast<double>(padded.size())));
    inverse(call, shape, a.data(), padded.data());
    std::size_t start = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
        start += static_cast<std::size_t>(task.start[axis]) * fft::stride_of(shape, axis);
    }
    fft::copy_block(padded.data(), shape, start, y, task.wanted, 0, task.wanted);
}

// Overlap-save: of each block's circular convolution, the part that nothing has come round to.
template <class T> void blocks(const edgemesh::Call &call, const Convolution<T> &task, T *y) {
    const std::size_t length = fft::size_of(task.a_shape), taps = fft::size_of(task.b_shape);
    const std::size_t block = block_length(taps), step = block - (taps - 1);
    const Shape shape{static_cast<std::int64_t>(block)};
    const std::size_t size = spectrum_size<T>(shape);
    fft::Buffer<T> line(block);
    fft::Buffer<Complex<T>> a(size), b(size);
    std::fill(std::copy_n(task.b, taps, line.data()), line.end(), T{});
    forward(call, shape, line.data(), b.data());
    const auto start = static_cast<std::size_t>(task.start[0]);
    const auto wanted = static_cast<std::size_t>(task.wanted[0]);
    for (std::size_t done = 0; done < wanted; done += step) {
        call.check_cancelled();
        // line[i] = a[first + i], where first may be negative
        const std::size_t position = start + done; // of the first result in the full convolution
        const std::size_t before = position < taps - 1 ? taps - 1 - position : 0;
        const std::size_t first = position + before - (taps - 1);
        const std::size_t some = first < length ? std::min(block - before, length - first) : 0;
        std::fill_n(line.data(), before, T{});
        if (some > 0) std::copy_n(task.a + first, some, line.data() + before);
        std::fill(line.data() + before + some, line.end(), T{});
        forward(call, shape, line.data(), a.data());
        multiply(a.data(), b.data(), size,
                 static_cast<dsp::Real<T>>(1.0 / static_cast<double>(block)));
        inverse(call, shape, a.data(), line.data());
        std::copy_n(line.data() + taps - 1, std::min(step, wanted - done), y + done);
    }
}

} // namespace

template <class T> void convolve_fft(const edgemesh::Call &call, const Convolution<T> &task, T *y) {
    in_blocks(task) ? blocks(call, task, y) : whole(call, task, y);
}

template <class T> double fft_time(const Convolution<T> &task) {
    const double weight = dsp::is_complex<T> ? 2.0 : 1.0;
    if (in_blocks(task)) {
        const auto taps = static_cast<std::size_t>(task.b_shape[0]);
        const auto block = static_cast<double>(block_length(taps));
        const double blocks = static_cast<double>(task.wanted[0]) / (block - double(taps) + 1.0);
        return weight * (blocks + 1.0) * block * (0.5 * std::log2(block) + 2.0);
    }
    const auto size = static_cast<double>(fft::size_of(full_shape(task.a_shape, task.b_shape)));
    return 2000.0 + weight * size * (1.2 * std::log2(size) + 6.0);
}

#define SIGNALS_INSTANTIATE(T)                                                                     \
    template void convolve_fft(const edgemesh::Call &, const Convolution<T> &, T *);               \
    template double fft_time(const Convolution<T> &);
SIGNALS_INSTANTIATE(float)
SIGNALS_INSTANTIATE(double)
SIGNALS_INSTANTIATE(std::complex<float>)
SIGNALS_INSTANTIATE(std::complex<double>)

} // namespace signals
