// cpp.fft and cpp.ifft: parameters, defaults and results of numpy.fft.fftn and ifftn.
#include <complex>
#include <string>
#include <type_traits>

#include <edgemesh_plugin.hpp>

#include "options.hpp"
#include "spectrum.hpp"

namespace {

using edgemesh::Json;

template <class T> struct real_of {
    using type = T;
};
template <class T> struct real_of<std::complex<T>> {
    using type = T;
};

template <fft::Direction direction> void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    if (input.rank() == 0) {
        throw edgemesh::InvalidInput(input.field(), "must have at least one dimension");
    }
    fft::Transform transform{direction, fft::axes(call.parameters(), input.rank()), 1.0};
    double points = 1.0;
    for (const std::size_t axis : transform.axes) {
        points *= static_cast<double>(input.shape()[axis]);
    }
    transform.factor = fft::scale(call.parameters(), direction, points);

    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        input, [&](const auto &x) {
            using Element = std::remove_const_t<std::remove_pointer_t<decltype(x.data())>>;
            using Real = typename real_of<Element>::type;
            fft::spectrum<Real>(transform, call, x,
                                call.output<std::complex<Real>>("y", x.shape()));
        });
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm(name, "1")
        .about(about)
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
                                                "both by 1/sqrt(n)"}})
        .input(edgemesh::TensorSpec("x")
                   .of<float, double, std::complex<float>, std::complex<double>>()
                   .any_rank()
                   .about("an array of at least one dimension, none of them empty"))
        .output(edgemesh::TensorSpec("y")
                    .of<std::complex<float>, std::complex<double>>()
                    .any_rank()
                    .about("the full spectrum, of x's shape and precision"));
}

} // namespace

EDGEMESH_PLUGIN("fft", "1.0.0",
                algorithm("cpp.fft", "The n-dimensional discrete Fourier transform of a real or "
                                     "complex array, as numpy.fft.fftn; by FFTW 3.")
                    .run(run<fft::Direction::forward>),
                algorithm("cpp.ifft", "The n-dimensional inverse discrete Fourier transform of a "
                                      "real or complex array, as numpy.fft.ifftn; by FFTW 3.")
                    .run(run<fft::Direction::inverse>))
