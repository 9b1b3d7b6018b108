// cpp.resample: scipy.signal.resample, by Fourier transforms.
#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "batch.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "window.hpp"

namespace signals {
namespace {

// The window in the order of frequencies, 0 first; empty if there is none.
std::vector<double> frequency_window(const edgemesh::Call &call, std::size_t length) {
    if (call.find_input("window") == nullptr &&
        (!call.parameters().has("window") || dsp::is_null(call.parameters(), "window"))) {
        return {};
    }
    const dsp::Window window = dsp::Window::from(call, "boxcar");
    if (window.given() && window.size() != length) {
        throw edgemesh::InvalidInput("parameters.window",
                                     "must be as long as the signal, " + std::to_string(length));
    }
    std::vector<double> values = window.values(length, /*periodic=*/true);
    if (!window.given()) {
        std::rotate(values.begin(),
                    values.begin() + static_cast<std::ptrdiff_t>(length - length / 2),
                    values.end());
    }
    return values;
}

template <class Real>
void resample_real(const std::vector<double> &window, std::size_t from, std::size_t to, Real *x,
                   std::complex<Real> *spectrum, Real *y) {
    fft::forward(from, 1, x, spectrum);
    const std::size_t points = std::min(from, to), kept = points / 2 + 1;
    const Real factor = 1 / static_cast<Real>(from);
    for (std::size_t k = 0; k < kept; ++k) spectrum[k] *= factor;
    if (!window.empty()) { // a real signal's: the mean of both sides
        for (std::size_t k = 0; k < kept; ++k) {
            const double both = (window[k] + window[(from - k) % from]) / 2.0;
            spectrum[k] *= static_cast<Real>(k == 0 ? window[0] : both);
        }
    }
    // The highest frequency stands for two where it gains or loses its twin.
    if (points % 2 == 0 && from != to) spectrum[points / 2] *= to < from ? Real(2) : Real(0.5);
    std::fill(spectrum + kept, spectrum + std::max(to / 2 + 1, kept), std::complex<Real>{});
    fft::inverse(to, 1, spectrum, y);
}

// x: its spectrum already if `freq`.
template <class Real>
void resample_complex(const std::vector<double> &window, std::size_t from, std::size_t to,
                      bool freq, std::complex<Real> *x, std::complex<Real> *y) {
    if (!freq) fft::transform(fft::complex_forward, from, 1, x, x);
    if (!window.empty()) {
        for (std::size_t k = 0; k < from; ++k) x[k] *= static_cast<Real>(window[k]);
    }
    const std::size_t points = std::min(from, to), kept = points / 2 + 1;
    std::fill_n(y, to, std::complex<Real>{});
    std::copy_n(x, kept, y);
    std::copy_n(x + from - (points - kept), points - kept, y + to - (points - kept));
    if (points % 2 == 0 && to < from) y[to - points / 2] += x[from - points / 2];
    if (points % 2 == 0 && from < to) {
        y[points / 2] *= Real(0.5);
        y[to - points / 2] = y[points / 2];
    }
    const Real factor = 1 / static_cast<Real>(from);
    for (std::size_t k = 0; k < to; ++k) y[k] *= factor;
    fft::transform(fft::complex_inverse, to, 1, y, y);
}

template <class T>
void resample_lines(edgemesh::Call &call, std::size_t axis, std::size_t num, bool freq) {
    using Complex = std::complex<dsp::Real<T>>;
    const edgemesh::Tensor &x = call.input("x");
    const dsp::Lines lines(x.shape(), axis);
    const std::size_t length = lines.length;
    const std::vector<double> window = frequency_window(call, length);
    const auto y = call.output<T>("y", dsp::with_length(x.shape(), axis, num));
    const dsp::Lines to(y.shape(), axis);
    fft::Buffer<T> line(length), result(num);
    fft::Buffer<Complex> spectrum(dsp::is_complex<T> ? 0 : std::max(length, num) / 2 + 1);
    for (std::size_t i = 0; i < lines.count(); ++i) {
        call.check_cancelled();
        call.progress(static_cast<double>(i) / static_cast<double>(lines.count()));
        dsp::read(x, lines.first(i), lines.inner, length, line.data());
        if constexpr (dsp::is_complex<T>) {
            resample_complex(window, length, num, freq, line.data(), result.data());
        } else {
            resample_real(window, length, num, line.data(), spectrum.data(), result.data());
        }
        dsp::scatter(result.data(), num, y.data() + to.first(i), to.inner);
    }
}

// t: times of the samples, evenly spaced.
void write_times(edgemesh::Call &call, std::size_t length, std::size_t num) {
    const edgemesh::Tensor *const given = call.find_input("t");
    if (given == nullptr) return;
    const auto times = dsp::read_all<double>(*given);
    if (times.size() < 2) throw edgemesh::InvalidInput("inputs.t", "must have at least two times");
    const auto t = call.output<double>("t", {static_cast<std::int64_t>(num)});
    const double step =
        (times[1] - times[0]) * (static_cast<double>(length) / static_cast<double>(num));
    for (std::size_t i = 0; i < num; ++i) t[i] = times[0] + step * static_cast<double>(i);
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, 0);
    const auto wanted = dsp::find_integer(call.parameters(), "num", 1);
    if (!wanted) throw edgemesh::InvalidInput("parameters.num", "is required");
    const auto num = static_cast<std::size_t>(*wanted);
    const bool freq = dsp::choice(call.parameters(), "domain", "time", {"time", "freq"}) == "freq";
    const bool wide = x.is<double>() || x.is<std::complex<double>>();
    const bool complex = freq || x.is<std::complex<float>>() || x.is<std::complex<double>>();
    if (complex) {
        wide ? resample_lines<std::complex<double>>(call, axis, num, freq)
             : resample_lines<std::complex<float>>(call, axis, num, freq);
    } else {
        wide ? resample_lines<double>(call, axis, num, freq)
             : resample_lines<float>(call, axis, num, freq);
    }
    write_times(call, static_cast<std::size_t>(x.shape()[axis]), num);
}

} // namespace

edgemesh::Algorithm resample() {
    return edgemesh::Algorithm("cpp.resample", "1")
        .about("A signal, taken as periodic, with another number of samples, as "
               "scipy.signal.resample; by FFTW 3.")
        .required_parameter(
            "num", {{"type", "integer"}, {"minimum", 1}, {"description", "samples of the result"}})
        .parameter("axis", dsp::schema("integer", "the axis of time", 0))
        .parameter("window", dsp::Window::schema(nullptr))
        .parameter("domain",
                   dsp::words({"time", "freq"}, "whether x is a signal or its spectrum", "time"))
        .input(dsp::number("x", "an array of at least one dimension, none of them empty"))
        .input(dsp::Window::input())
        .input(edgemesh::TensorSpec("t").of<float, double>().shape({-1}).optional().about(
            "times of the samples, evenly spaced"))
        .output(dsp::number("y", "x's shape with num along the axis"))
        .output(edgemesh::TensorSpec("t").of<double>().shape({-1}).optional().about(
            "times of the result, if t was given"))
        .streams()
        .run(run);
}

} // namespace signals
