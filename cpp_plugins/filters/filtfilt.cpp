// cpp.filtfilt and cpp.sosfiltfilt: scipy.signal's functions of these names, with method "pad"
// (Gustafsson's method is not offered).
#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "extend.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "recursion.hpp"
#include "sections.hpp"

namespace filters {
namespace {

using edgemesh::Tensor;

// Filters forwards, then backwards, each time from the state of a signal that has always been what
// it begins with. filter(line, length): in place, from that state.
template <class T, class Filter>
void there_and_back(edgemesh::Call &call, std::size_t usual_pad, const Filter &filter) {
    const Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, -1);
    const dsp::Lines lines(x.shape(), axis);
    auto extension = dsp::Extension::none;
    std::size_t edge = 0;
    if (!dsp::is_null(call.parameters(), "padtype")) {
        extension = dsp::extension_of(
            dsp::choice(call.parameters(), "padtype", "odd", {"odd", "even", "constant"}));
        const auto wanted = dsp::find_integer(call.parameters(), "padlen", 0);
        edge = wanted ? static_cast<std::size_t>(*wanted) : usual_pad;
    }
    if (lines.length <= edge) {
        throw edgemesh::InvalidInput(x.field(), "must be longer than padlen, " +
                                                    std::to_string(edge) + ", along the axis");
    }
    const auto y = call.output<T>("y", x.shape());
    fft::Buffer<T> line(lines.length), padded(lines.length + 2 * edge);
    for (std::size_t i = 0; i < lines.count(); ++i) {
        dsp::read(x, lines.first(i), lines.inner, lines.length, line.data());
        dsp::extend(extension, line.data(), lines.length, edge, padded.data());
        for (int direction = 0; direction < 2; ++direction) {
            call.check_cancelled();
            filter(padded.data(), padded.size());
            std::reverse(padded.begin(), padded.end());
        }
        dsp::scatter(padded.data() + edge, lines.length, y.data() + lines.first(i), lines.inner);
    }
}

void run_filtfilt(edgemesh::Call &call) {
    const Tensor &b = call.input("b"), &a = call.input("a");
    dsp::with_type(dsp::promote({&b, &a, &call.input("x")}), [&](auto zero) {
        using T = decltype(zero);
        const auto filter = coefficients<T>(b, a);
        const std::vector<T> steady = steady_state(filter);
        there_and_back<T>(call, 3 * filter.b.size(), [&](T *line, std::size_t length) {
            std::vector<T> state = steady;
            for (T &value : state) value *= line[0];
            filter_line(filter, state.data(), line, length, line);
        });
    });
}

// Each section's steady state, when the first one sees 1.
template <class T> void settle(std::vector<Section<T>> &all) {
    T scale = 1;
    for (Section<T> &section : all) {
        const Coefficients<T> filter{{section.b0, section.b1, section.b2},
                                     {T{1}, section.a1, section.a2}};
        const std::vector<T> state = steady_state(filter);
        section.z0 = scale * state[0];
        section.z1 = scale * state[1];
        scale *= (section.b0 + section.b1 + section.b2) / (T{1} + section.a1 + section.a2);
    }
}

void run_sosfiltfilt(edgemesh::Call &call) {
    const Tensor &sos = call.input("sos");
    dsp::with_type(dsp::promote({&sos, &call.input("x")}), [&](auto zero) {
        using T = decltype(zero);
        std::vector<Section<T>> steady = sections<T>(sos);
        settle(steady);
        std::size_t no_b2 = 0, no_a2 = 0;
        for (const Section<T> &section : steady) {
            no_b2 += section.b2 == T{} ? 1 : 0;
            no_a2 += section.a2 == T{} ? 1 : 0;
        }
        const std::size_t taps = 2 * steady.size() + 1 - std::min(no_b2, no_a2);
        there_and_back<T>(call, 3 * taps, [&](T *line, std::size_t length) {
            std::vector<Section<T>> filter = steady;
            for (Section<T> &section : filter) {
                section.z0 *= line[0];
                section.z1 *= line[0];
            }
            filter_line(filter, line, length, line);
        });
    });
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm(name, "1")
        .about(about)
        .parameter("axis", dsp::schema("integer", "the axis of time", -1))
        .parameter("padtype", dsp::words({"odd", "even", "constant", nullptr},
                                         "how the signal goes on past its ends", "odd"))
        .parameter("padlen", dsp::nullable("integer", "how far; three times the filter's length "
                                                      "if absent"))
        .input(dsp::number("x", "an array of at least one dimension, none of them empty"))
        .output(dsp::number("y", "of x's shape"));
}

} // namespace

edgemesh::Algorithm filtfilt() {
    return algorithm("cpp.filtfilt", "Filters a signal forwards and backwards, so that nothing is "
                                     "delayed, as scipy.signal.filtfilt.")
        .parameter("method", dsp::words({"pad"}, "how the ends are treated", "pad"))
        .input(dsp::vector("b", "numerator"))
        .input(dsp::vector("a", "denominator, which does not begin with 0"))
        .run(run_filtfilt);
}

edgemesh::Algorithm sosfiltfilt() {
    return algorithm("cpp.sosfiltfilt", "Filters a signal forwards and backwards with second-order "
                                        "sections, as scipy.signal.sosfiltfilt.")
        .input(dsp::number("sos", "[sections, 6]: each section's b and a; a begins with 1"))
        .run(run_sosfiltfilt);
}

} // namespace filters
