// The windowed Fourier transforms of a line's segments, a few at a time so that they stay in the
// fast caches. Those of a real signal are real transforms.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "arrays.hpp"
#include "batch.hpp"
#include "lines.hpp"
#include "segmenting.hpp"
#include "sum.hpp"

namespace signals {

// to = (x - its trend) * window
template <class T>
void window_segment(Detrend detrend, const T *x, const std::vector<dsp::Real<T>> &window, T *to) {
    using Wide = dsp::Wide<T>;
    const std::size_t count = window.size();
    const auto n = static_cast<double>(count);
    if (detrend == Detrend::none) {
        for (std::size_t i = 0; i < count; ++i) to[i] = x[i] * window[i];
        return;
    }
    const Wide mean =
        dsp::sum<Wide>(count, [x](std::size_t i) { return static_cast<Wide>(x[i]); }) / n;
    if (detrend == Detrend::constant || count == 1) {
        const T narrow = dsp::convert<T>(mean);
        for (std::size_t i = 0; i < count; ++i) to[i] = (x[i] - narrow) * window[i];
        return;
    }
    const double middle = (n - 1.0) / 2.0; // the least squares line goes through the middle
    const Wide slope =
        dsp::sum<Wide>(count,
                       [=](std::size_t i) {
                           return static_cast<Wide>(x[i]) * (static_cast<double>(i) - middle);
                       }) *
        12.0 / (n * (n * n - 1.0));
    for (std::size_t i = 0; i < count; ++i) {
        const Wide trend = mean + slope * (static_cast<double>(i) - middle);
        to[i] = dsp::convert<T>(static_cast<Wide>(x[i]) - trend) * window[i];
    }
}

template <class T> class Segments {
  public:
    using Real = dsp::Real<T>;
    using Complex = std::complex<Real>;

    explicit Segments(const Segmenting &how)
        : how_(how), window_(how.window.begin(), how.window.end()),
          batch_(std::clamp<std::size_t>(std::size_t{8192} / how.nfft, 1, 32)),
          segment_(batch_ * how.nfft), spectrum_(batch_ * how.nfft) {
        std::fill(segment_.begin(), segment_.end(), T{}); // what follows a segment stays zero
    }

    // consume(first, count, spectra): segments [first, first + count), bins() numbers for each.
    template <class Consume>
    void run(const edgemesh::Call &call, const T *line, std::size_t segments, Consume &&consume) {
        for (std::size_t first = 0; first < segments; first += batch_) {
            call.check_cancelled();
            const std::size_t count = std::min(batch_, segments - first);
            for (std::size_t i = 0; i < count; ++i) {
                window_segment(how_.detrend, line + (first + i) * how_.step, window_,
                               segment_.data() + i * how_.nfft);
            }
            transform(count);
            consume(first, count, static_cast<const Complex *>(spectrum_.data()));
        }
    }

  private:
    void transform(std::size_t count) {
        const std::size_t n = how_.nfft;
        if constexpr (dsp::is_complex<T>) {
            fft::transform(fft::complex_forward, n, count, segment_.data(), spectrum_.data());
        } else {
            fft::forward(n, count, segment_.data(), spectrum_.data());
            if (how_.onesided) return;
            const std::size_t half = n / 2 + 1;
            for (std::size_t i = count; i-- > 0;) { // spread out, the last one first
                Complex *const to = spectrum_.data() + i * n;
                std::copy_backward(spectrum_.data() + i * half, spectrum_.data() + (i + 1) * half,
                                   to + half);
                for (std::size_t k = half; k < n; ++k) to[k] = std::conj(to[n - k]);
            }
        }
    }

    const Segmenting &how_;
    std::vector<Real> window_;
    std::size_t batch_;
    fft::Buffer<T> segment_;
    fft::Buffer<Complex> spectrum_;
};

} // namespace signals
