// Fourier transforms, without factors, of `count` lines that lie after each other.
#pragma once

#include <complex>
#include <cstddef>

#include <edgemesh_plugin.hpp>

#include "dimensions.hpp"

namespace fft {

inline edgemesh::Shape batch_shape(std::size_t length, std::size_t count) {
    return {static_cast<std::int64_t>(count), static_cast<std::int64_t>(length)};
}

// y: length / 2 + 1 for each line.
template <class Real>
void forward(std::size_t length, std::size_t count, const Real *x, std::complex<Real> *y) {
    const auto plan = plan_real(batch_shape(length, count), {1}, real_to_half, x, y);
    Fftw<Real>::execute_real(plan.get(), const_cast<Real *>(x), Fftw<Real>::data(y));
}

// x: length / 2 + 1 for each line; it is overwritten.
template <class Real>
void inverse(std::size_t length, std::size_t count, std::complex<Real> *x, Real *y) {
    const auto plan = plan_inverse(batch_shape(length, count), 1, x, y, /*keep=*/false);
    Fftw<Real>::execute_inverse(plan.get(), Fftw<Real>::data(x), y);
}

// x and y may be the same.
template <class Real>
void transform(Kind kind, std::size_t length, std::size_t count, const std::complex<Real> *x,
               std::complex<Real> *y) {
    const auto plan = plan_complex(batch_shape(length, count), {1}, kind, x, y);
    Fftw<Real>::execute_complex(plan.get(), Fftw<Real>::data(x), Fftw<Real>::data(y));
}

} // namespace fft
