// cpp.firwin: scipy.signal.firwin.
#include "firwin.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "options.hpp"
#include "window.hpp"

namespace filters {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

// As parts of Nyquist's frequency, rising.
std::vector<double> cutoffs(const edgemesh::Parameters &parameters, double nyquist) {
    const Json &given = parameters.get<Json>("cutoff");
    std::vector<double> cutoff = given.is_array()
                                     ? parameters.get<std::vector<double>>("cutoff")
                                     : std::vector<double>{parameters.get<double>("cutoff")};
    if (cutoff.empty()) throw InvalidInput("parameters.cutoff", "must not be empty");
    double last = 0.0;
    for (double &frequency : cutoff) {
        frequency /= nyquist;
        if (!(frequency > last) || !(frequency < 1.0)) {
            throw InvalidInput("parameters.cutoff", "must rise, above 0 and below fs/2");
        }
        last = frequency;
    }
    return cutoff;
}

// Whether frequency 0 passes.
bool passes_zero(const edgemesh::Parameters &parameters, std::size_t cutoffs) {
    if (!parameters.has("pass_zero")) return true;
    const Json &given = parameters.json().at("pass_zero");
    if (given.is_boolean()) return given.get<bool>();
    const std::string name =
        dsp::choice(parameters, "pass_zero", "", {"lowpass", "highpass", "bandpass", "bandstop"});
    const bool single = name == "lowpass" || name == "highpass";
    if (single != (cutoffs == 1)) {
        throw InvalidInput("parameters.cutoff", single ? "must be one frequency for " + name
                                                       : "must be two or more for " + name);
    }
    return name == "lowpass" || name == "bandstop";
}

// Kaiser's window for a width of the transition.
double kaiser_beta(std::int64_t taps, double width) {
    const double pi = 3.14159265358979323846;
    const double attenuation = 2.285 * static_cast<double>(taps - 1) * pi * width + 7.95;
    if (attenuation > 50.0) return 0.1102 * (attenuation - 8.7);
    if (attenuation <= 21.0) return 0.0;
    return 0.5842 * std::pow(attenuation - 21.0, 0.4) + 0.07886 * (attenuation - 21.0);
}

void run(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    const auto taps = dsp::find_integer(parameters, "numtaps", 1);
    if (!taps) throw InvalidInput("parameters.numtaps", "is required");
    const double nyquist = 0.5 * dsp::positive(parameters, "fs", 2.0);
    std::vector<double> bands = cutoffs(parameters, nyquist);
    const bool zero = passes_zero(parameters, bands.size());
    const bool end = (bands.size() % 2 == 0) == zero;
    if (end && *taps % 2 == 0) {
        throw InvalidInput("parameters.numtaps", "must be odd for a filter that passes fs/2");
    }
    if (zero) bands.insert(bands.begin(), 0.0);
    if (end) bands.push_back(1.0);
    const auto width = dsp::find<double>(parameters, "width");
    const dsp::Window window =
        width ? dsp::Window(Json{"kaiser", kaiser_beta(*taps, *width / nyquist)})
              : dsp::Window::from(call, "hamming");
    if (window.given()) {
        throw InvalidInput("parameters.window", "must be a name, a list of a name and its "
                                                "arguments, or a number");
    }
    const auto y = call.output<double>("y", {*taps});
    const auto h = dsp::firwin(y.size(), bands, window, dsp::get<bool>(parameters, "scale", true));
    std::copy(h.begin(), h.end(), y.begin());
}

} // namespace

edgemesh::Algorithm firwin() {
    return edgemesh::Algorithm("cpp.firwin", "1")
        .about("Designs a filter without feedback by the window method, as scipy.signal.firwin.")
        .required_parameter(
            "numtaps",
            {{"type", "integer"}, {"minimum", 1}, {"description", "the filter's length"}})
        .required_parameter("cutoff", {{"type", {"number", "array"}},
                                       {"description", "the edges of the bands, rising, in the "
                                                       "units of fs"}})
        .parameter("width", dsp::nullable("number", "of the transition: chooses a Kaiser window"))
        .parameter("window", dsp::Window::schema("hamming"))
        .parameter("pass_zero",
                   dsp::words({true, false, "lowpass", "highpass", "bandpass", "bandstop"},
                              "whether frequency 0 passes", true))
        .parameter("scale",
                   dsp::schema("boolean", "exactly 1 at the middle of the first band", true))
        .parameter("fs", dsp::nullable("number", "sampling frequency, 2 if absent"))
        .output(edgemesh::TensorSpec("y").of<double>().shape({-1}))
        .run(run);
}

} // namespace filters
