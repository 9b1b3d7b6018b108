// cpp.welch and cpp.periodogram: scipy.signal's functions of these names, after Welch, "The use of
// the fast Fourier transform for the estimation of power spectra" (1967).
#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "segments.hpp"
#include "window.hpp"

namespace signals {
namespace {

// What the median of n exponentially distributed numbers is larger by than their mean: Allen and
// others, "FINDCHIRP" (2012), appendix B.
double median_bias(std::size_t n) {
    double bias = 1.0;
    for (std::size_t i = 1; i <= (n - 1) / 2; ++i) {
        const double even = 2.0 * static_cast<double>(i);
        bias += 1.0 / (even + 1.0) - 1.0 / even;
    }
    return bias;
}

// The average of what is added, bin by bin.
class Average {
  public:
    Average(bool median, std::size_t bins, std::size_t segments)
        : median_(median && segments > 1), bins_(bins), segments_(segments),
          values_(median_ ? bins * segments : bins) {}

    void clear() { std::fill(values_.begin(), values_.end(), 0.0); }

    template <class Real>
    void add(std::size_t first, std::size_t count, const std::complex<Real> *spectra) {
        for (std::size_t s = 0; s < count; ++s) {
            const Real *const parts = reinterpret_cast<const Real *>(spectra + s * bins_);
            const std::size_t step = median_ ? segments_ : 1;
            double *const to = values_.data() + (median_ ? first + s : 0);
            for (std::size_t k = 0; k < bins_; ++k) {
                const double re = parts[2 * k], im = parts[2 * k + 1];
                to[k * step] += re * re + im * im;
            }
        }
    }

    double at(std::size_t bin) {
        if (!median_) return values_[bin] / static_cast<double>(segments_);
        const auto begin = values_.begin() + static_cast<std::ptrdiff_t>(bin * segments_);
        const auto end = begin + static_cast<std::ptrdiff_t>(segments_);
        const auto middle = begin + static_cast<std::ptrdiff_t>(segments_ / 2);
        if (std::any_of(begin, end, [](double value) { return std::isnan(value); })) {
            return std::nan("");
        }
        std::nth_element(begin, middle, end);
        double median = *middle;
        if (segments_ % 2 == 0) median = (median + *std::max_element(begin, middle)) / 2.0;
        return median / median_bias(segments_);
    }

  private:
    bool median_;
    std::size_t bins_, segments_;
    std::vector<double> values_;
};

// length: of the line that is looked at, which may be less than the whole.
void estimate(edgemesh::Call &call, std::size_t axis, std::size_t length, Segmenting how,
              bool median) {
    const edgemesh::Tensor &x = call.input("x");
    const dsp::Lines lines(x.shape(), axis);
    how.scale_window(
        dsp::choice(call.parameters(), "scaling", "density", {"density", "spectrum"}) == "density");
    const std::size_t segments = how.segments(length), bins = how.bins();
    const edgemesh::Shape shape = dsp::with_length(x.shape(), axis, bins);
    const dsp::Lines to(shape, axis);
    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        x, [&](const auto &view) {
            using T = std::remove_const_t<std::remove_pointer_t<decltype(view.data())>>;
            const auto y = call.output<dsp::Real<T>>("Pxx", shape);
            write_frequencies(how, call);
            Segments<T> transforms(how);
            Average average(median, bins, segments);
            fft::Buffer<T> line(lines.inner > 1 ? length : 0);
            for (std::size_t i = 0; i < lines.count(); ++i) {
                const T *from = view.data() + lines.first(i);
                if (lines.inner > 1) {
                    dsp::gather(from, lines.inner, length, line.data());
                    from = line.data();
                }
                average.clear();
                transforms.run(call, from, segments,
                               [&](std::size_t first, std::size_t count, const auto *spectra) {
                                   average.add(first, count, spectra);
                               });
                for (std::size_t k = 0; k < bins; ++k) {
                    // The redundant half that is left out; neither 0 nor Nyquist's frequency is in
                    // it.
                    const bool twice = how.onesided && k > 0 && 2 * k != how.nfft;
                    y[to.first(i) + k * to.inner] =
                        static_cast<dsp::Real<T>>(average.at(k) * (twice ? 2.0 : 1.0));
                }
            }
        });
}

Detrend detrend_or_constant(const edgemesh::Call &call, Detrend otherwise) {
    return call.parameters().has("detrend") ? otherwise : Detrend::constant;
}

void run_welch(edgemesh::Call &call) {
    const edgemesh::Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, -1);
    const std::size_t length = dsp::Lines(x.shape(), axis).length;
    Segmenting how = segmenting(call, x, length, "hann_periodic");
    how.detrend = detrend_or_constant(call, how.detrend);
    const bool median =
        dsp::choice(call.parameters(), "average", "mean", {"mean", "median"}) == "median";
    estimate(call, axis, length, std::move(how), median);
}

void run_periodogram(edgemesh::Call &call) {
    const edgemesh::Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, -1);
    std::size_t length = dsp::Lines(x.shape(), axis).length;
    const auto nfft = dsp::find_integer(call.parameters(), "nfft", 1);
    if (nfft) length = std::min(length, static_cast<std::size_t>(*nfft));
    Segmenting how = one_segment(call, x, length, "boxcar");
    how.detrend = detrend_or_constant(call, how.detrend);
    estimate(call, axis, length, std::move(how), false);
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about,
                              const std::string &window) {
    return with_segmenting(edgemesh::Algorithm(name, "1").about(about), "constant")
        .parameter("window", dsp::Window::schema(window))
        .parameter("scaling", dsp::words({"density", "spectrum"}, "V**2/Hz or V**2", "density"))
        .parameter("axis", dsp::schema("integer", "the axis of time", -1))
        .input(dsp::number("x", "an array of at least one dimension, none of them empty"))
        .input(dsp::Window::input())
        .output(edgemesh::TensorSpec("f").of<double>().shape({-1}).about("frequencies"))
        .output(dsp::real("Pxx", "x's shape, with frequencies along the axis"));
}

} // namespace

edgemesh::Algorithm welch() {
    return algorithm("cpp.welch",
                     "The power spectrum by Welch's method, as scipy.signal.welch; by FFTW 3.",
                     "hann_periodic")
        .parameter("nperseg", dsp::nullable("integer", "length of a segment, 256 if absent; at "
                                                       "most the signal's"))
        .parameter("noverlap", dsp::nullable("integer", "points that segments share; half a "
                                                        "segment if absent"))
        .parameter("average", dsp::words({"mean", "median"}, "of the segments", "mean"))
        .run(run_welch);
}

edgemesh::Algorithm periodogram() {
    return algorithm("cpp.periodogram",
                     "The power spectrum of the whole signal, as scipy.signal.periodogram; by "
                     "FFTW 3.",
                     "boxcar")
        .run(run_periodogram);
}

} // namespace signals
