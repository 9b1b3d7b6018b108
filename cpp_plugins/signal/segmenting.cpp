#include "segmenting.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "lines.hpp"
#include "options.hpp"
#include "sum.hpp"
#include "window.hpp"

namespace signals {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

Detrend detrend(const edgemesh::Parameters &parameters) {
    const Json &object = parameters.json();
    const auto found = object.find("detrend");
    if (found == object.end() || found->is_null() || *found == false) return Detrend::none;
    if (*found == "constant") return Detrend::constant;
    if (*found == "linear") return Detrend::linear;
    throw InvalidInput("parameters.detrend", "must be false, constant or linear");
}

std::size_t segment_length(const edgemesh::Call &call, const dsp::Window &window,
                           std::size_t length) {
    const auto wanted = dsp::find_integer(call.parameters(), "nperseg", 1);
    if (!window.given()) {
        return std::min(static_cast<std::size_t>(wanted.value_or(256)), length);
    }
    if (wanted && static_cast<std::size_t>(*wanted) != window.size()) {
        throw InvalidInput("parameters.nperseg",
                           "must be the window's length, " + std::to_string(window.size()));
    }
    if (window.size() > length) {
        throw InvalidInput("parameters.window",
                           "must not be longer than the signal, " + std::to_string(length));
    }
    return window.size();
}

} // namespace

void Segmenting::scale_window(bool density) {
    const double *const w = window.data();
    const double factor =
        density ? 1.0 / std::sqrt(fs * dsp::sum<double>(nperseg,
                                                        [w](std::size_t i) { return w[i] * w[i]; }))
                : 1.0 / std::abs(dsp::sum<double>(nperseg, [w](std::size_t i) { return w[i]; }));
    for (double &value : window) value *= factor;
}

namespace {

// All but the overlap.
Segmenting common(const edgemesh::Call &call, const edgemesh::Tensor &x, const dsp::Window &window,
                  std::size_t nperseg) {
    const edgemesh::Parameters &parameters = call.parameters();
    Segmenting how;
    how.nperseg = how.step = nperseg;
    how.fs = dsp::positive(parameters, "fs", 1.0);
    const auto least = static_cast<std::int64_t>(nperseg);
    how.nfft =
        static_cast<std::size_t>(dsp::find_integer(parameters, "nfft", least).value_or(least));
    how.window = window.values(nperseg, /*periodic=*/true);
    how.detrend = detrend(parameters);
    const bool real = x.is<float>() || x.is<double>();
    how.onesided = real && dsp::get<bool>(parameters, "return_onesided", true);
    return how;
}

} // namespace

Segmenting segmenting(const edgemesh::Call &call, const edgemesh::Tensor &x, std::size_t length,
                      const Json &otherwise) {
    const dsp::Window window = dsp::Window::from(call, otherwise);
    Segmenting how = common(call, x, window, segment_length(call, window, length));
    const auto nperseg = static_cast<std::int64_t>(how.nperseg);
    const std::int64_t noverlap =
        dsp::find_integer(call.parameters(), "noverlap", -dsp::most_length, nperseg - 1)
            .value_or(nperseg / 2);
    how.step = static_cast<std::size_t>(nperseg - noverlap);
    return how;
}

Segmenting one_segment(const edgemesh::Call &call, const edgemesh::Tensor &x, std::size_t length,
                       const Json &otherwise) {
    const dsp::Window window = dsp::Window::from(call, otherwise);
    if (window.given() && window.size() != length) {
        throw InvalidInput("parameters.window",
                           "must be as long as the signal, " + std::to_string(length));
    }
    return common(call, x, window, length);
}

void write_frequencies(const Segmenting &how, edgemesh::Call &call) {
    const auto f = call.output<double>("f", {static_cast<std::int64_t>(how.bins())});
    const auto n = static_cast<std::int64_t>(how.nfft);
    const double unit = 1.0 / (static_cast<double>(how.nfft) * (1.0 / how.fs));
    for (std::size_t i = 0; i < f.size(); ++i) {
        const auto k = static_cast<std::int64_t>(i);
        f[i] = static_cast<double>(how.onesided || k <= (n - 1) / 2 ? k : k - n) * unit;
    }
}

edgemesh::Algorithm with_segmenting(edgemesh::Algorithm algorithm, const Json &detrend_default) {
    return std::move(algorithm)
        .parameter("fs", dsp::schema("number", "sampling frequency", 1.0))
        .parameter("nfft", dsp::nullable("integer", "length of the transforms, filled up with "
                                                    "zeros; as nperseg if absent"))
        .parameter("detrend", dsp::words({false, "constant", "linear", nullptr},
                                         "what is subtracted from each segment", detrend_default))
        .parameter("return_onesided",
                   dsp::schema("boolean",
                               "of a real signal, without the redundant half of the spectrum; a "
                               "complex signal's is always whole",
                               true));
}

} // namespace signals
