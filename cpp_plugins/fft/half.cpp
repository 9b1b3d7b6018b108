#include "half.hpp"

#include "arrays.hpp"
#include "in_place.hpp"

namespace fft {
namespace {

using edgemesh::View;

// All but the last.
std::vector<std::size_t> others(const std::vector<std::size_t> &axes) {
    return {axes.begin(), axes.end() - 1};
}

template <class Real> void multiply(Real *parts, std::size_t size, double factor) {
    if (factor == 1.0) return;
    const auto narrow = static_cast<Real>(factor);
    for (std::size_t i = 0; i < size; ++i) parts[i] *= narrow;
}

} // namespace

template <class Real>
void half_spectrum(const Transform &transform, const edgemesh::Call &call,
                   const View<const Real> &x, const View<std::complex<Real>> &y) {
    using F = Fftw<Real>;
    const bool small = y.size() * sizeof(std::complex<Real>) < large_bytes;
    const std::vector<std::size_t> first =
        small ? transform.axes : std::vector<std::size_t>{transform.axes.back()};
    const auto plan = plan_real(x.shape(), first, real_to_half, x.data(), y.data());
    call.check_cancelled(); // planning may have taken its time
    F::execute_real(plan.get(), const_cast<Real *>(x.data()), F::data(y.data()));
    if (!small) {
        transform_in_place(call, complex_forward, y.shape(), others(transform.axes), y.data());
    }
    multiply(reinterpret_cast<Real *>(y.data()), 2 * y.size(), transform.factor);
}

template <class Real>
void real_signal(const Transform &transform, const edgemesh::Call &call,
                 const View<std::complex<Real>> &x, const View<Real> &y, bool keep) {
    using F = Fftw<Real>;
    transform_in_place(call, complex_inverse, x.shape(), others(transform.axes), x.data());
    const auto plan = plan_inverse(y.shape(), transform.axes.back(), x.data(), y.data(), keep);
    call.check_cancelled();
    F::execute_inverse(plan.get(), F::data(x.data()), y.data());
    multiply(y.data(), y.size(), transform.factor);
}

#define FFT_INSTANTIATE(Real)                                                                      \
    template void half_spectrum(const Transform &, const edgemesh::Call &,                         \
                                const View<const Real> &, const View<std::complex<Real>> &);       \
    template void real_signal(const Transform &, const edgemesh::Call &,                           \
                              const View<std::complex<Real>> &, const View<Real> &, bool);
FFT_INSTANTIATE(float)
FFT_INSTANTIATE(double)

} // namespace fft
