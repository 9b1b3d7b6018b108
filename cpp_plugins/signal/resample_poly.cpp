// cpp.resample_poly: scipy.signal.resample_poly, by the polyphase method: of the filter between
// zeros, only the taps that meet samples are computed.
#include <algorithm>
#include <cmath>
#include <complex>
#include <numeric>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "fir.hpp"
#include "firwin.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "padding.hpp"
#include "sum.hpp"
#include "window.hpp"

namespace signals {
namespace {

using edgemesh::InvalidInput;

struct Ratio {
    std::size_t up, down;
};

Ratio ratio(const edgemesh::Parameters &parameters) {
    const auto up = dsp::find_integer(parameters, "up", 1);
    const auto down = dsp::find_integer(parameters, "down", 1);
    if (!up) throw InvalidInput("parameters.up", "is required");
    if (!down) throw InvalidInput("parameters.down", "is required");
    const std::int64_t divisor = std::gcd(*up, *down);
    constexpr std::int64_t most = std::int64_t{1} << 20; // the filter has 20 times as many taps
    for (const auto &[name, value] : {std::pair{"up", *up}, std::pair{"down", *down}}) {
        if (value / divisor > most) {
            throw InvalidInput(std::string("parameters.") + name,
                               "must be at most " + std::to_string(most) +
                                   " in the lowest terms, is " + std::to_string(value / divisor));
        }
    }
    return {static_cast<std::size_t>(*up / divisor), static_cast<std::size_t>(*down / divisor)};
}

// The filter, cut into `up` phases of `taps` taps, each of them backwards.
template <class Real> struct Polyphase {
    std::size_t up, down, half, taps;
    std::vector<Real> phases;

    Polyphase(const Ratio &by, const dsp::Window &window) : up(by.up), down(by.down) {
        std::vector<double> h;
        if (window.given()) {
            h = window.values(0, false);
            half = (h.size() - 1) / 2;
        } else {
            const std::size_t most = std::max(up, down);
            half = 10 * most;
            h = dsp::firwin(2 * half + 1, {0.0, 1.0 / static_cast<double>(most)}, window, true);
        }
        taps = (h.size() + up - 1) / up;
        phases.resize(taps * up);
        for (std::size_t i = 0; i < h.size(); ++i) {
            phases[i % up * taps + (taps - 1 - i / up)] =
                static_cast<Real>(h[i]) * static_cast<Real>(up);
        }
    }
    // Elements that are needed before and after a line.
    std::size_t before() const { return taps; }
    std::size_t after(std::size_t length, std::size_t results) const {
        const std::size_t last = ((results - 1) * down + half) / up;
        return last >= length ? last - length + 1 : 0;
    }
    // Results [begin, end). x: has before() elements before it.
    template <class T> void run(const T *x, std::size_t begin, std::size_t end, T *y) const {
        std::size_t newest = (begin * down + half) / up, phase = (begin * down + half) % up;
        for (std::size_t m = begin; m < end; ++m) {
            y[m] = product(phases.data() + phase * taps, x + newest + 1 - taps);
            newest += down / up;
            phase += down % up;
            if (phase >= up) {
                phase -= up;
                ++newest;
            }
        }
    }
    Real product(const Real *h, const Real *x) const { return dsp::dot(h, x, taps); }
    std::complex<Real> product(const Real *h, const std::complex<Real> *x) const {
        return dsp::sum<std::complex<Real>>(taps, [=](std::size_t k) { return h[k] * x[k]; });
    }
};

struct Ends {
    Padding padding = Padding::constant;
    std::string background; // mean and so on, or empty
    double constant = 0.0;
};

Ends ends(const edgemesh::Parameters &parameters, bool complex) {
    const auto name =
        dsp::choice(parameters, "padtype", "constant",
                    {"constant", "edge", "wrap", "symmetric", "reflect", "smooth", "line",
                     "antisymmetric", "antireflect", "mean", "median", "minimum", "maximum"});
    Ends how;
    const char *const modes[] = {"constant", "edge", "wrap",          "symmetric",  "reflect",
                                 "smooth",   "line", "antisymmetric", "antireflect"};
    const auto *const found = std::find(std::begin(modes), std::end(modes), name);
    if (found != std::end(modes)) {
        how.padding = static_cast<Padding>(found - std::begin(modes));
    } else {
        how.background = name;
        if (complex && name != "mean") {
            throw InvalidInput("parameters.padtype", "must be another one for complex numbers");
        }
    }
    if (const auto cval = dsp::find<double>(parameters, "cval")) {
        if (name != "constant") {
            throw InvalidInput("parameters.cval", "has no effect unless padtype is constant");
        }
        how.constant = *cval;
    }
    return how;
}

template <class T> T background(const std::string &name, const T *x, std::size_t length) {
    if (name.empty()) return T{};
    if (name == "mean") {
        using Wide = dsp::Wide<T>;
        return dsp::convert<T>(
            dsp::sum<Wide>(length, [x](std::size_t i) { return static_cast<Wide>(x[i]); }) /
            static_cast<double>(length));
    }
    if constexpr (!dsp::is_complex<T>) {
        if (name == "minimum") return *std::min_element(x, x + length);
        if (name == "maximum") return *std::max_element(x, x + length);
        std::vector<T> sorted(x, x + length);
        const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(length / 2);
        std::nth_element(sorted.begin(), middle, sorted.end());
        if (length % 2 == 1) return *middle;
        return (*middle + *std::max_element(sorted.begin(), middle)) / 2;
    }
    return T{};
}

template <class T>
void resample_lines(edgemesh::Call &call, std::size_t axis, const Ratio &by,
                    const dsp::Window &window) {
    using Real = dsp::Real<T>;
    const edgemesh::Tensor &x = call.input("x");
    const Ends how = ends(call.parameters(), dsp::is_complex<T>);
    const dsp::Lines lines(x.shape(), axis);
    const std::size_t length = lines.length;
    if (length > static_cast<std::size_t>(dsp::most_length) / by.up) {
        throw InvalidInput("parameters.up", "must be smaller for a signal of that length");
    }
    const std::size_t results = (length * by.up + by.down - 1) / by.down;
    const auto y = call.output<T>("y", dsp::with_length(x.shape(), axis, results));
    const dsp::Lines to(y.shape(), axis);
    if (by.up == 1 && by.down == 1) {
        dsp::read(x, 0, 1, y.size(), y.data());
        return;
    }
    const Polyphase<Real> filter(by, window);
    const std::size_t before = filter.before(), after = filter.after(length, results);
    fft::Buffer<T> padded(before + length + after), result(lines.inner > 1 ? results : 0);
    T *const line = padded.data() + before;
    for (std::size_t i = 0; i < lines.count(); ++i) {
        dsp::read(x, lines.first(i), lines.inner, length, line);
        const T level = background(how.background, line, length);
        if (level != T{}) {
            for (std::size_t k = 0; k < length; ++k) line[k] -= level;
        }
        const auto size = static_cast<std::int64_t>(length);
        const T constant = static_cast<Real>(how.constant);
        for (std::size_t k = 1; k <= before; ++k) {
            line[-static_cast<std::ptrdiff_t>(k)] =
                beyond<T>(how.padding, constant, line, size, -static_cast<std::int64_t>(k));
        }
        for (std::size_t k = length; k < length + after; ++k) {
            line[k] = beyond<T>(how.padding, constant, line, size, static_cast<std::int64_t>(k));
        }
        T *const out = lines.inner > 1 ? result.data() : y.data() + to.first(i);
        const std::size_t piece =
            std::max<std::size_t>(std::size_t{1} << 20, 64 * filter.taps) / filter.taps;
        for (std::size_t begin = 0; begin < results; begin += piece) {
            call.check_cancelled();
            if (begin % (8 * piece) == 0) {
                call.progress((static_cast<double>(i) +
                               static_cast<double>(begin) / static_cast<double>(results)) /
                              static_cast<double>(lines.count()));
            }
            filter.run(line, begin, std::min(results, begin + piece), out);
        }
        if (level != T{}) {
            for (std::size_t k = 0; k < results; ++k) out[k] += level;
        }
        if (lines.inner > 1) dsp::scatter(out, results, y.data() + to.first(i), to.inner);
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, 0);
    const Ratio by = ratio(call.parameters());
    const dsp::Window window = dsp::Window::from(call, edgemesh::Json{"kaiser", 5.0});
    edgemesh_dtype dtype = x.dtype();
    // Its numbers are double, and so is what they make.
    const edgemesh::Tensor *const given = call.find_input("window");
    if (window.given() && (given == nullptr || given->is<double>())) {
        if (dtype == EDGEMESH_FLOAT32) dtype = EDGEMESH_FLOAT64;
        if (dtype == EDGEMESH_COMPLEX64) dtype = EDGEMESH_COMPLEX128;
    }
    dsp::with_type(dtype,
                   [&](auto zero) { resample_lines<decltype(zero)>(call, axis, by, window); });
}

} // namespace

edgemesh::Algorithm resample_poly() {
    return edgemesh::Algorithm("cpp.resample_poly", "1")
        .about("A signal with another sampling frequency, up / down times its own, by polyphase "
               "filtering, as scipy.signal.resample_poly. In the lowest terms, up and down are at "
               "most 2^20.")
        .required_parameter("up",
                            {{"type", "integer"}, {"minimum", 1}, {"description", "the factor up"}})
        .required_parameter(
            "down", {{"type", "integer"}, {"minimum", 1}, {"description", "the factor down"}})
        .parameter("axis", dsp::schema("integer", "the axis of time", 0))
        .parameter("window", dsp::Window::schema({"kaiser", 5.0}))
        .parameter("padtype", dsp::words({"constant", "edge", "wrap", "symmetric", "reflect",
                                          "smooth", "line", "antisymmetric", "antireflect", "mean",
                                          "median", "minimum", "maximum"},
                                         "how the signal goes on past its ends", "constant"))
        .parameter("cval", dsp::nullable("number", "the constant, 0 if absent"))
        .input(dsp::number("x", "an array of at least one dimension, none of them empty"))
        .input(dsp::Window::input())
        .output(dsp::number("y", "x's shape, but ceil(n * up / down) along the axis"))
        .streams()
        .run(run);
}

} // namespace signals
