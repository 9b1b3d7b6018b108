// cpp.butter, cpp.cheby1 and cpp.cheby2: scipy.signal's functions of these names, digital only.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "iir.hpp"
#include "options.hpp"

namespace filters {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::TensorSpec;

constexpr std::int64_t most_order = 500;

Band band(const edgemesh::Parameters &parameters) {
    const std::string name =
        dsp::choice(parameters, "btype", "low",
                    {"low", "lowpass", "high", "highpass", "band", "bandpass", "stop", "bandstop"});
    if (name.rfind("low", 0) == 0) return Band::low;
    if (name.rfind("high", 0) == 0) return Band::high;
    return name == "band" || name == "bandpass" ? Band::pass : Band::stop;
}

// As parts of Nyquist's frequency.
std::vector<double> edges(const edgemesh::Parameters &parameters, Band band) {
    const Json &given = parameters.get<Json>("Wn");
    std::vector<double> all = given.is_array() ? parameters.get<std::vector<double>>("Wn")
                                               : std::vector<double>{parameters.get<double>("Wn")};
    const bool single = band == Band::low || band == Band::high;
    if (all.size() != (single ? 1 : 2)) {
        throw InvalidInput("parameters.Wn", single ? "must be one frequency for this btype"
                                                   : "must be two frequencies for this btype");
    }
    const double nyquist = 0.5 * dsp::positive(parameters, "fs", 2.0);
    double last = 0.0;
    for (double &edge : all) {
        edge /= nyquist;
        if (!(edge > last) || !(edge < 1.0)) {
            throw InvalidInput("parameters.Wn", "must rise, above 0 and below fs/2");
        }
        last = edge;
    }
    return all;
}

void write(edgemesh::Call &call, const std::string &name, const std::vector<double> &numbers) {
    if (!std::all_of(numbers.begin(), numbers.end(), [](double x) { return std::isfinite(x); })) {
        throw edgemesh::Failure("OutOfRange", "coefficients of this order leave the range of "
                                              "float64: ask for output sos");
    }
    const auto y = call.output<double>(name, {static_cast<std::int64_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), y.begin());
}

void write(edgemesh::Call &call, const std::string &name, const std::vector<Complex> &numbers) {
    const auto y = call.output<Complex>(name, {static_cast<std::int64_t>(numbers.size())});
    std::copy(numbers.begin(), numbers.end(), y.begin());
}

void write_sections(edgemesh::Call &call, const Zpk &filter) {
    const auto all = sections(filter);
    const auto y = call.output<double>("sos", {static_cast<std::int64_t>(all.size()), 6});
    auto *to = y.begin();
    for (const auto &section : all) to = std::copy(section.begin(), section.end(), to);
}

// `prototype` makes the analog filter of that order.
template <class Prototype> void design(edgemesh::Call &call, Prototype &&prototype) {
    const edgemesh::Parameters &parameters = call.parameters();
    const auto order = dsp::find_integer(parameters, "N", 1, most_order);
    if (!order) throw InvalidInput("parameters.N", "is required");
    const Band kind = band(parameters);
    const auto output = dsp::choice(parameters, "output", "ba", {"ba", "zpk", "sos"});
    const Zpk filter = digital(prototype(static_cast<int>(*order)), kind, edges(parameters, kind));
    if (!std::isnormal(filter.gain)) {
        throw edgemesh::Failure("OutOfRange", "the gain of a filter of this order leaves the range "
                                              "of float64");
    }
    if (output == "sos") {
        write_sections(call, filter);
    } else if (output == "zpk") {
        write(call, "z", filter.zeros);
        write(call, "p", filter.poles);
        write(call, "k", std::vector<double>{filter.gain});
    } else {
        std::vector<double> b = polynomial(filter.zeros);
        for (double &coefficient : b) coefficient *= filter.gain;
        write(call, "b", b);
        write(call, "a", polynomial(filter.poles));
    }
}

// A number of dB above 0.
double decibels(const edgemesh::Call &call, const std::string &name) {
    if (!call.parameters().has(name)) throw InvalidInput("parameters." + name, "is required");
    return dsp::positive(call.parameters(), name, 0);
}

// Inserts the parameters and outputs that all of them have.
template <class Run> edgemesh::Algorithm designer(edgemesh::Algorithm algorithm, Run run) {
    return std::move(algorithm)
        .required_parameter("Wn", {{"type", {"number", "array"}},
                                   {"description", "the edge, or two of them for a band, in the "
                                                   "units of fs"}})
        .parameter("btype", dsp::words({"low", "lowpass", "high", "highpass", "band", "bandpass",
                                        "stop", "bandstop"},
                                       "what passes, or is stopped", "low"))
        .parameter("output", dsp::words({"ba", "zpk", "sos"},
                                        "b and a; z, p and k; or second-order sections, which "
                                        "are right for any order",
                                        "ba"))
        .parameter("fs", dsp::nullable("number", "sampling frequency, 2 if absent"))
        .output(TensorSpec("b").of<double>().shape({-1}).optional().about("with ba"))
        .output(TensorSpec("a").of<double>().shape({-1}).optional().about("with ba"))
        .output(TensorSpec("z").of<Complex>().shape({-1}).optional().about("with zpk"))
        .output(TensorSpec("p").of<Complex>().shape({-1}).optional().about("with zpk"))
        .output(TensorSpec("k").of<double>().shape({1}).optional().about("with zpk"))
        .output(TensorSpec("sos").of<double>().shape({-1, 6}).optional().about("with sos"))
        .run(run);
}

edgemesh::Algorithm named(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm("cpp." + name, "1")
        .about("Designs a digital " + about + " filter, as scipy.signal." + name +
               "; of scipy's, analog=True is missing.")
        .required_parameter("N", {{"type", "integer"},
                                  {"minimum", 1},
                                  {"maximum", most_order},
                                  {"description", "the filter's order"}});
}

} // namespace

edgemesh::Algorithm butter() {
    return designer(named("butter", "Butterworth"),
                    [](edgemesh::Call &call) { design(call, butterworth); });
}

edgemesh::Algorithm cheby1() {
    return designer(
        named("cheby1", "Chebyshev (type I)")
            .required_parameter("rp", dsp::schema("number", "ripple in the pass band, in dB")),
        [](edgemesh::Call &call) {
            const double ripple = decibels(call, "rp");
            design(call, [&](int order) { return chebyshev1(order, ripple); });
        });
}

edgemesh::Algorithm cheby2() {
    return designer(named("cheby2", "Chebyshev (type II)")
                        .required_parameter("rs", dsp::schema("number", "attenuation in the stop "
                                                                        "band, at least, in dB")),
                    [](edgemesh::Call &call) {
                        const double attenuation = decibels(call, "rs");
                        design(call, [&](int order) { return chebyshev2(order, attenuation); });
                    });
}

} // namespace filters
