// cpp.istft: scipy.signal.istft. Unlike there, t are the times of x whatever its rank.
#include <algorithm>
#include <cmath>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "batch.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "sum.hpp"
#include "window.hpp"

namespace signals {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Shape;

struct Synthesis {
    std::size_t time_axis, freq_axis;
    std::size_t bins, segments; // of the input
    std::size_t nperseg, nfft, step, edge;
    std::size_t length; // with the edges
    bool onesided;
    double fs;
    std::vector<double> window;
    double factor;
};

Synthesis synthesis(const edgemesh::Call &call, const edgemesh::Tensor &z) {
    const edgemesh::Parameters &parameters = call.parameters();
    if (z.rank() < 2) throw InvalidInput(z.field(), "must have at least two dimensions");
    Synthesis how{};
    how.time_axis = dsp::axis(parameters, z, -1, "time_axis");
    how.freq_axis = dsp::axis(parameters, z, -2, "freq_axis");
    if (how.time_axis == how.freq_axis) {
        throw InvalidInput("parameters.freq_axis", "must differ from time_axis");
    }
    how.fs = dsp::positive(parameters, "fs", 1.0);
    how.bins = static_cast<std::size_t>(z.shape()[how.freq_axis]);
    how.segments = static_cast<std::size_t>(z.shape()[how.time_axis]);
    how.onesided = dsp::get<bool>(parameters, "input_onesided", true);
    const std::int64_t bins = z.shape()[how.freq_axis];
    const std::int64_t usual = how.onesided ? 2 * (bins - 1) : bins;
    const std::int64_t nperseg = dsp::find_integer(parameters, "nperseg", 1).value_or(usual);
    if (nperseg < 1) {
        throw InvalidInput(z.field(), "must have at least two frequencies, or nperseg be given");
    }
    const std::int64_t nfft = how.onesided && nperseg == usual + 1 ? nperseg : usual;
    how.nfft =
        static_cast<std::size_t>(dsp::find_integer(parameters, "nfft", nperseg).value_or(nfft));
    if (how.nfft < static_cast<std::size_t>(nperseg)) {
        throw InvalidInput("parameters.nperseg", "must not be above nfft, " + std::to_string(nfft));
    }
    how.nperseg = static_cast<std::size_t>(nperseg);
    how.step = static_cast<std::size_t>(
        nperseg - dsp::find_integer(parameters, "noverlap", -dsp::most_length, nperseg - 1)
                      .value_or(nperseg / 2));
    how.edge = dsp::get<bool>(parameters, "boundary", true) ? how.nperseg / 2 : 0;
    how.length = how.nperseg + (how.segments - 1) * how.step;

    const dsp::Window window = dsp::Window::from(call, "hann_periodic");
    if (window.given() && window.size() != how.nperseg) {
        throw InvalidInput("parameters.window",
                           "must be as long as a segment, " + std::to_string(how.nperseg));
    }
    how.window = window.values(how.nperseg, /*periodic=*/true);
    const double *const w = how.window.data();
    how.factor =
        dsp::choice(parameters, "scaling", "spectrum", {"spectrum", "psd"}) == "psd"
            ? std::sqrt(how.fs *
                        dsp::sum<double>(how.nperseg, [w](std::size_t i) { return w[i] * w[i]; }))
            : dsp::sum<double>(how.nperseg, [w](std::size_t i) { return w[i]; });
    return how;
}

// 1 / the sum of the squared windows at each point, or 1 where there is none.
template <class Real> std::vector<Real> normalization(const Synthesis &how, bool *complete) {
    std::vector<Real> norm(how.length);
    for (std::size_t s = 0; s < how.segments; ++s) {
        for (std::size_t i = 0; i < how.nperseg; ++i) {
            const auto w = static_cast<Real>(how.window[i]);
            norm[s * how.step + i] += w * w;
        }
    }
    *complete = true;
    for (std::size_t i = 0; i < how.length; ++i) {
        const bool enough = norm[i] > static_cast<Real>(1e-10);
        if (!enough && i >= how.edge && i + how.edge < how.length) *complete = false;
        norm[i] = enough ? 1 / norm[i] : 1;
    }
    return norm;
}

// Inverse transforms of some segments, without factors, nfft numbers for each.
template <class T, class Complex>
void invert(const Synthesis &how, std::size_t count, Complex *spectra, T *segments) {
    if constexpr (dsp::is_complex<T>) {
        fft::transform(fft::complex_inverse, how.nfft, count, spectra, segments);
    } else {
        fft::inverse(how.nfft, count, spectra, segments);
    }
}

template <class T> void synthesize(edgemesh::Call &call, const Synthesis &how) {
    using Real = dsp::Real<T>;
    using Complex = std::complex<Real>;
    const edgemesh::Tensor &z = call.input("Zxx");
    const Shape &shape = z.shape();
    const std::size_t rank = shape.size();
    const std::size_t kept = how.length - 2 * how.edge;

    Shape to; // without frequencies, and with the signal's times
    std::vector<std::size_t> others;
    for (std::size_t i = 0; i < rank; ++i) {
        if (i == how.freq_axis) continue;
        to.push_back(i == how.time_axis ? static_cast<std::int64_t>(kept) : shape[i]);
        if (i != how.time_axis) others.push_back(i);
    }
    const std::size_t to_axis = how.time_axis - (how.freq_axis < how.time_axis ? 1 : 0);
    const auto x = call.output<T>("x", to);
    const auto t = call.output<double>("t", {static_cast<std::int64_t>(kept)});
    for (std::size_t i = 0; i < kept; ++i) t[i] = static_cast<double>(i) / how.fs;

    bool complete = false;
    const std::vector<Real> norm = normalization<Real>(how, &complete);
    if (!complete) call.print_error("The windows leave points out: x is not the whole signal.\n");

    const std::size_t spectrum = how.onesided ? how.nfft / 2 + 1 : how.nfft;
    const std::size_t bins = std::min(how.bins, spectrum);
    const std::size_t batch = std::clamp<std::size_t>(8192 / how.nfft, 1, 32);
    const std::size_t freq_stride = fft::stride_of(shape, how.freq_axis);
    const std::size_t time_stride = fft::stride_of(shape, how.time_axis);
    fft::Buffer<Complex> spectra(batch * spectrum);
    fft::Buffer<T> segments(batch * how.nfft), line(how.length);
    std::vector<Real> window(how.nperseg);
    std::transform(how.window.begin(), how.window.end(), window.begin(), [&](double w) {
        return static_cast<Real>(w * how.factor / static_cast<double>(how.nfft));
    });

    const std::size_t lines = fft::size_of(to) / std::max(kept, std::size_t{1});
    const dsp::Lines out(to, to_axis);
    for (std::size_t index = 0; kept > 0 && index < lines; ++index) {
        std::size_t first = 0, rest = index; // of the line's first element in Zxx
        for (std::size_t i = others.size(); i-- > 0;) {
            const auto length = static_cast<std::size_t>(shape[others[i]]);
            first += rest % length * fft::stride_of(shape, others[i]);
            rest /= length;
        }
        std::fill(line.begin(), line.end(), T{});
        for (std::size_t begin = 0; begin < how.segments; begin += batch) {
            call.check_cancelled();
            const std::size_t count = std::min(batch, how.segments - begin);
            if (bins < spectrum) std::fill(spectra.begin(), spectra.end(), Complex{});
            edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
                z, [&](const auto &view) {
                    for (std::size_t k = 0; k < bins; ++k) {
                        const auto *const from =
                            view.data() + first + k * freq_stride + begin * time_stride;
                        for (std::size_t s = 0; s < count; ++s) {
                            spectra[s * spectrum + k] =
                                dsp::convert<Complex>(from[s * time_stride]);
                        }
                    }
                });
            invert(how, count, spectra.data(), segments.data());
            for (std::size_t s = 0; s < count; ++s) {
                T *const sum = line.data() + (begin + s) * how.step;
                const T *const segment = segments.data() + s * how.nfft;
                for (std::size_t i = 0; i < how.nperseg; ++i) sum[i] += segment[i] * window[i];
            }
        }
        for (std::size_t i = 0; i < kept; ++i) {
            line[how.edge + i] *= norm[how.edge + i];
        }
        dsp::scatter(line.data() + how.edge, kept, x.data() + out.first(index), out.inner);
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &z = call.input("Zxx");
    const Synthesis how = synthesis(call, z);
    const bool wide = z.is<double>() || z.is<std::complex<double>>();
    if (how.onesided) {
        wide ? synthesize<double>(call, how) : synthesize<float>(call, how);
    } else {
        wide ? synthesize<std::complex<double>>(call, how)
             : synthesize<std::complex<float>>(call, how);
    }
}

} // namespace

edgemesh::Algorithm istft() {
    return edgemesh::Algorithm("cpp.istft", "1")
        .about("The inverse of cpp.stft, as scipy.signal.istft; by FFTW 3.")
        .parameter("fs", dsp::schema("number", "sampling frequency", 1.0))
        .parameter("window", dsp::Window::schema("hann_periodic"))
        .parameter("nperseg", dsp::nullable("integer", "length of a segment; if absent, the even "
                                                       "one that Zxx may come from"))
        .parameter("noverlap", dsp::nullable("integer", "points that segments share; half a "
                                                        "segment if absent"))
        .parameter("nfft", dsp::nullable("integer", "length of the transforms"))
        .parameter("input_onesided",
                   dsp::schema("boolean", "Zxx is without the redundant half", true))
        .parameter("boundary",
                   dsp::schema("boolean", "the signal was extended past its ends", true))
        .parameter("time_axis", dsp::schema("integer", "the axis of the segments", -1))
        .parameter("freq_axis", dsp::schema("integer", "the axis of frequencies", -2))
        .parameter("scaling", dsp::words({"spectrum", "psd"}, "as for cpp.stft", "spectrum"))
        .input(dsp::number("Zxx", "an array of at least two dimensions, none of them empty"))
        .input(dsp::Window::input())
        .output(edgemesh::TensorSpec("t").of<double>().shape({-1}).allow_empty().about("times"))
        .output(dsp::number("x", "the signal: Zxx's shape without frequencies").allow_empty())
        .run(run);
}

} // namespace signals
