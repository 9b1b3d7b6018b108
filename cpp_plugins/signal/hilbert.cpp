// cpp.hilbert: scipy.signal.hilbert. The analytic signal's real part is the signal; its imaginary
// part comes out of two real transforms, a quarter of the work of two complex ones.
#include <algorithm>
#include <complex>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "batch.hpp"
#include "lines.hpp"
#include "options.hpp"

namespace signals {
namespace {

// y = the Hilbert transform of x, both of n points.
template <class Real>
void transform(std::size_t n, const Real *x, std::complex<Real> *spectrum, Real *y) {
    fft::forward(n, 1, x, spectrum);
    const Real factor = 1 / static_cast<Real>(n);
    for (std::size_t k = 0; k <= n / 2; ++k) { // times -i
        spectrum[k] = {spectrum[k].imag() * factor, -spectrum[k].real() * factor};
    }
    spectrum[0] = 0;
    if (n % 2 == 0) spectrum[n / 2] = 0;
    fft::inverse(n, 1, spectrum, y);
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), input, -1);
    const dsp::Lines lines(input.shape(), axis);
    const auto wanted = dsp::find_integer(call.parameters(), "N", 1);
    const std::size_t n = wanted ? static_cast<std::size_t>(*wanted) : lines.length;
    const std::size_t taken = std::min(n, lines.length);
    edgemesh::visit<float, double>(input, [&](const auto &x) {
        using Real = std::remove_const_t<std::remove_pointer_t<decltype(x.data())>>;
        const auto y =
            call.output<std::complex<Real>>("y", dsp::with_length(input.shape(), axis, n));
        const dsp::Lines to(y.shape(), axis);
        fft::Buffer<Real> line(n), imaginary(n);
        fft::Buffer<std::complex<Real>> spectrum(n / 2 + 1);
        std::fill(line.begin(), line.end(), Real{});
        for (std::size_t i = 0; i < lines.count(); ++i) {
            call.check_cancelled();
            dsp::gather(x.data() + lines.first(i), lines.inner, taken, line.data());
            transform(n, line.data(), spectrum.data(), imaginary.data());
            std::complex<Real> *const out = y.data() + to.first(i);
            for (std::size_t k = 0; k < n; ++k) out[k * to.inner] = {line[k], imaginary[k]};
        }
    });
}

} // namespace

edgemesh::Algorithm hilbert() {
    return edgemesh::Algorithm("cpp.hilbert", "1")
        .about("The analytic signal, as scipy.signal.hilbert; by FFTW 3.")
        .parameter("N", dsp::nullable("integer", "points along the axis: the signal is cut off or "
                                                 "filled up with zeros"))
        .parameter("axis", dsp::schema("integer", "the axis to transform", -1))
        .input(dsp::real("x", "an array of at least one dimension, none of them empty"))
        .output(dsp::complex("y", "x + i times its Hilbert transform, in x's precision"))
        .run(run);
}

} // namespace signals
