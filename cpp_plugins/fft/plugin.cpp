// cpp.fft, ifft, rfft and irfft: parameters, defaults and results of numpy.fft.fftn, ifftn, rfftn
// and irfftn.
#include <complex>
#include <optional>
#include <string>
#include <type_traits>

#include <edgemesh_plugin.hpp>

#include "arrays.hpp"
#include "half.hpp"
#include "options.hpp"
#include "spectrum.hpp"

namespace {

using edgemesh::Json;
using edgemesh::Shape;
using edgemesh::TensorSpec;
using edgemesh::View;

template <class T> struct real_of {
    using type = T;
};
template <class T> struct real_of<std::complex<T>> {
    using type = T;
};

// x cut off, or filled up with zeros, to a shape: in memory of its own if need be.
template <class T> class Resized {
  public:
    template <class From> Resized(const View<const From> &x, const Shape &shape, bool own) {
        if (!own && shape == x.shape()) {
            if constexpr (std::is_same_v<From, T>) {
                view_.emplace(const_cast<T *>(x.data()), shape, x.size());
                return;
            }
        }
        memory_.emplace(fft::size_of(shape));
        fft::resize(x.data(), x.shape(), memory_->data(), shape);
        view_.emplace(memory_->data(), shape, memory_->size());
    }
    bool own() const { return memory_.has_value(); }
    const View<T> &view() const { return *view_; } // NOLINT(bugprone-unchecked-optional-access)
    View<const T> constant() const { return {view().data(), view().shape(), view().size()}; }

  private:
    std::optional<fft::Buffer<T>> memory_;
    std::optional<View<T>> view_; // made by the constructor
};

template <class... Ts, class Function>
void with(const edgemesh::Tensor &input, Function &&function) {
    edgemesh::visit<Ts...>(input, [&](const auto &x) {
        using Element = std::remove_const_t<std::remove_pointer_t<decltype(x.data())>>;
        function(x, Element(), typename real_of<Element>::type());
    });
}

template <fft::Direction direction> void full(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    const fft::Axes axes = fft::axes(call.parameters(), input, /*halved=*/false);
    const fft::Transform transform{direction, axes.sorted(),
                                   fft::scale(call.parameters(), direction, axes.points())};
    with<float, double, std::complex<float>, std::complex<double>>(
        input, [&](const auto &given, auto element, auto real) {
            using Real = decltype(real);
            const auto y = call.output<std::complex<Real>>("y", axes.apply_to(input.shape()));
            const Resized<decltype(element)> x(given, y.shape(), false);
            fft::spectrum<Real>(transform, call, x.constant(), y);
        });
}

void rfft(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    const fft::Axes axes = fft::axes(call.parameters(), input, /*halved=*/false);
    constexpr auto forward = fft::Direction::forward;
    const fft::Transform transform{forward, axes.chosen,
                                   fft::scale(call.parameters(), forward, axes.points())};
    const Shape shape = axes.apply_to(input.shape());
    Shape halved = shape;
    halved[axes.chosen.back()] = halved[axes.chosen.back()] / 2 + 1;
    with<float, double>(input, [&](const auto &given, auto, auto real) {
        using Real = decltype(real);
        const auto y = call.output<std::complex<Real>>("y", halved);
        const Resized<Real> x(given, shape, false);
        fft::half_spectrum<Real>(transform, call, x.constant(), y);
    });
}

void irfft(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    const fft::Axes axes = fft::axes(call.parameters(), input, /*halved=*/true);
    constexpr auto inverse = fft::Direction::inverse;
    const fft::Transform transform{inverse, axes.chosen,
                                   fft::scale(call.parameters(), inverse, axes.points())};
    const Shape shape = axes.apply_to(input.shape());
    Shape halved = shape;
    halved[axes.chosen.back()] = halved[axes.chosen.back()] / 2 + 1;
    with<float, double, std::complex<float>, std::complex<double>>(
        input, [&](const auto &given, auto, auto real) {
            using Real = decltype(real);
            const auto y = call.output<Real>("y", shape);
            const Resized<std::complex<Real>> x(given, halved, axes.chosen.size() > 1);
            fft::real_signal<Real>(transform, call, x.view(), y, !x.own());
        });
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm(name, "1")
        .about(about)
        .parameter("s", Json{{"type", "array"},
                             {"items", {{"type", "integer"}}},
                             {"minItems", 1},
                             {"maxItems", EDGEMESH_MAX_RANK},
                             {"description",
                              "the length of the transform along each axis: the input is cut off "
                              "or filled up with zeros; -1: as it is. Without axes: of the last "
                              "ones"}})
        .parameter("axes", Json{{"type", "array"},
                                {"items", {{"type", "integer"}}},
                                {"minItems", 1},
                                {"maxItems", EDGEMESH_MAX_RANK},
                                {"description", "axes to transform, negative ones from the end; "
                                                "all if absent"}})
        .parameter("norm", Json{{"enum", {"backward", "ortho", "forward"}},
                                {"default", "backward"},
                                {"description", "which direction is scaled: backward: the inverse "
                                                "by 1/n; forward: the forward one by 1/n; ortho: "
                                                "both by 1/sqrt(n)"}});
}

TensorSpec real(const std::string &name, const std::string &about) {
    return TensorSpec(name).of<float, double>().any_rank().about(about);
}
TensorSpec complex(const std::string &name, const std::string &about) {
    return TensorSpec(name).of<std::complex<float>, std::complex<double>>().any_rank().about(about);
}
TensorSpec any(const std::string &name, const std::string &about) {
    return TensorSpec(name)
        .of<float, double, std::complex<float>, std::complex<double>>()
        .any_rank()
        .about(about);
}

constexpr const char *array = "an array of at least one dimension, none of them empty";
constexpr const char *spectrum = "the full spectrum, in x's precision";

} // namespace

EDGEMESH_PLUGIN("fft", "1.1.0",
                algorithm("cpp.fft", "The n-dimensional discrete Fourier transform of a real or "
                                     "complex array, as numpy.fft.fftn; by FFTW 3.")
                    .input(any("x", array))
                    .output(complex("y", spectrum))
                    .run(full<fft::Direction::forward>),
                algorithm("cpp.ifft", "The n-dimensional inverse discrete Fourier transform of a "
                                      "real or complex array, as numpy.fft.ifftn; by FFTW 3.")
                    .input(any("x", array))
                    .output(complex("y", spectrum))
                    .run(full<fft::Direction::inverse>),
                algorithm("cpp.rfft", "The n-dimensional discrete Fourier transform of a real "
                                      "array without the redundant half of it, as "
                                      "numpy.fft.rfftn; by FFTW 3.")
                    .input(real("x", array))
                    .output(complex("y", "the spectrum, in x's precision, of length n / 2 + 1 "
                                         "along the last of the axes"))
                    .run(rfft),
                algorithm("cpp.irfft", "The inverse of cpp.rfft, as numpy.fft.irfftn; by FFTW 3.")
                    .input(any("x", "half a spectrum; its length along the last of the axes is "
                                    "n / 2 + 1"))
                    .output(real("y", "the signal, in x's precision; n is even unless s says "
                                      "otherwise"))
                    .run(irfft))
