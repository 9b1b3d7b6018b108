// The discrete Fourier transform of an array in C order along some of its axes:
//
//   y[k] = factor * sum over n of x[n] * exp(-+ 2 pi i n k / N)      (- forward, + inverse)
//
// Computed by FFTW 3 (Frigo and Johnson, "The Design and Implementation of FFTW3", 2005). A real
// input gives the full spectrum, as numpy.fft.fftn does: half of it is computed, the other half
// is its mirror image.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "options.hpp"

namespace fft {

struct Transform {
    Direction direction;
    std::vector<std::size_t> axes; // ascending, at least one
    double factor;
};

// x and y have the same shape without zeros, and do not overlap. Failure: FFTW has no plan.
template <class Real>
void spectrum(const Transform &transform, const edgemesh::Call &call,
              const edgemesh::View<const std::complex<Real>> &x,
              const edgemesh::View<std::complex<Real>> &y);
template <class Real>
void spectrum(const Transform &transform, const edgemesh::Call &call,
              const edgemesh::View<const Real> &x, const edgemesh::View<std::complex<Real>> &y);

} // namespace fft
