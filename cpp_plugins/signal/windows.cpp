// cpp.window: scipy.signal.get_window.
#include <algorithm>

#include "algorithms.hpp"
#include "options.hpp"
#include "window.hpp"

namespace signals {
namespace {

void run(edgemesh::Call &call) {
    const auto named = call.parameters().get<edgemesh::Json>("window");
    const dsp::Window window(named);
    if (window.given()) {
        throw edgemesh::InvalidInput("parameters.window", "must be a name, a list of a name and "
                                                          "its arguments, or a number");
    }
    const auto length = dsp::find_integer(call.parameters(), "Nx", 1);
    if (!length) throw edgemesh::InvalidInput("parameters.Nx", "is required");
    const auto y = call.output<double>("y", {*length});
    const auto values = window.values(static_cast<std::size_t>(*length),
                                      call.parameters().get<bool>("fftbins", true));
    std::copy(values.begin(), values.end(), y.begin());
}

} // namespace

edgemesh::Algorithm window() {
    auto named = dsp::Window::schema("hann");
    named.erase("default");
    named["type"] = {"string", "number", "array"};
    return edgemesh::Algorithm("cpp.window", "1")
        .about("A window function, as scipy.signal.get_window (all of its windows but chebwin, "
               "dpss and kaiser_bessel_derived); Kaiser's by Boost.Math.")
        .required_parameter("window", named)
        .required_parameter("Nx", {{"type", "integer"}, {"minimum", 1}, {"description", "points"}})
        .parameter("fftbins", dsp::schema("boolean",
                                          "periodic, for spectra; otherwise symmetric, "
                                          "for filters",
                                          true))
        .output(edgemesh::TensorSpec("y").of<double>().shape({-1}))
        .run(run);
}

} // namespace signals
