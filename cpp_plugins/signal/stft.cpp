// cpp.stft: scipy.signal.stft.
#include <complex>
#include <string>

#include "algorithms.hpp"
#include "extend.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "segments.hpp"
#include "window.hpp"

namespace signals {
namespace {

constexpr const char *boundaries[] = {"zeros", "constant", "even", "odd"};

// The line as it is cut up: `edge` elements more on both sides, then zeros to fill a segment.
struct Framing {
    dsp::Extension extension = dsp::Extension::none;
    std::size_t edge = 0, length = 0;
};

Framing framing(const edgemesh::Parameters &parameters, const Segmenting &how, std::size_t length) {
    Framing frame;
    if (!dsp::is_null(parameters, "boundary")) {
        frame.extension = dsp::extension_of(
            dsp::choice(parameters, "boundary", "zeros",
                        {boundaries[0], boundaries[1], boundaries[2], boundaries[3]}));
        frame.edge = how.nperseg / 2;
    }
    frame.length = length + 2 * frame.edge;
    if (dsp::get<bool>(parameters, "padded", true)) {
        const std::size_t over = (frame.length - how.nperseg) % how.step;
        frame.length += (over == 0 ? 0 : how.step - over) % how.nperseg;
    }
    return frame;
}

void write_times(edgemesh::Call &call, const Segmenting &how, bool extended, std::size_t segments) {
    const auto t = call.output<double>("t", {static_cast<std::int64_t>(segments)});
    const double half = static_cast<double>(how.nperseg) / 2.0;
    for (std::size_t i = 0; i < segments; ++i) {
        t[i] = (half + static_cast<double>(i * how.step)) / how.fs - (extended ? half / how.fs : 0);
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    const edgemesh::Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(parameters, x, -1);
    const dsp::Lines lines(x.shape(), axis);
    Segmenting how = segmenting(call, x, lines.length, "hann_periodic");
    how.scale_window(dsp::choice(parameters, "scaling", "spectrum", {"spectrum", "psd"}) == "psd");
    const Framing frame = framing(parameters, how, lines.length);
    const std::size_t segments = how.segments(frame.length);

    edgemesh::Shape shape = dsp::with_length(x.shape(), axis, how.bins());
    shape.push_back(static_cast<std::int64_t>(segments));
    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        x, [&](const auto &view) {
            using T = std::remove_const_t<std::remove_pointer_t<decltype(view.data())>>;
            using Complex = std::complex<dsp::Real<T>>;
            const auto y = call.output<Complex>("Zxx", shape);
            write_frequencies(how, call);
            write_times(call, how, frame.extension != dsp::Extension::none, segments);
            Segments<T> transforms(how);
            fft::Buffer<T> line(lines.length), framed(frame.length);
            std::fill(framed.begin(), framed.end(), T{});
            for (std::size_t i = 0; i < lines.count(); ++i) {
                dsp::gather(view.data() + lines.first(i), lines.inner, lines.length, line.data());
                dsp::extend(frame.extension, line.data(), lines.length, frame.edge, framed.data());
                const std::size_t stride = lines.inner * segments; // between frequencies
                Complex *const to =
                    y.data() +
                    (i / lines.inner * how.bins() * lines.inner + i % lines.inner) * segments;
                transforms.run(call, framed.data(), segments,
                               [&](std::size_t first, std::size_t count, const Complex *spectra) {
                                   for (std::size_t k = 0; k < how.bins(); ++k) {
                                       for (std::size_t s = 0; s < count; ++s) {
                                           to[k * stride + first + s] = spectra[s * how.bins() + k];
                                       }
                                   }
                               });
            }
        });
}

} // namespace

edgemesh::Algorithm stft() {
    return with_segmenting(
               edgemesh::Algorithm("cpp.stft", "1")
                   .about("The short-time Fourier transform, as scipy.signal.stft; by FFTW 3."),
               false)
        .parameter("window", dsp::Window::schema("hann_periodic"))
        .parameter("nperseg", dsp::nullable("integer", "length of a segment, 256 if absent; at "
                                                       "most the signal's"))
        .parameter("noverlap", dsp::nullable("integer", "points that segments share; half a "
                                                        "segment if absent"))
        .parameter("boundary", dsp::words({"zeros", "constant", "even", "odd", nullptr},
                                          "how the signal goes on past its ends", "zeros"))
        .parameter("padded", dsp::schema("boolean", "filled up with zeros to whole segments", true))
        .parameter("axis", dsp::schema("integer", "the axis of time", -1))
        .parameter("scaling", dsp::words({"spectrum", "psd"},
                                         "what is scaled to be 1 for a "
                                         "sine of that amplitude or power "
                                         "density",
                                         "spectrum"))
        .input(dsp::number("x", "an array of at least one dimension, none of them empty"))
        .input(dsp::Window::input())
        .output(edgemesh::TensorSpec("f").of<double>().shape({-1}).about("frequencies"))
        .output(edgemesh::TensorSpec("t").of<double>().shape({-1}).about("times of the segments"))
        .output(dsp::complex("Zxx", "x's shape, with frequencies along the axis, and times along "
                                    "a new, last one"))
        .run(run);
}

} // namespace signals
