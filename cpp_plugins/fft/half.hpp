// The transform of a real array without the redundant half of its spectrum, and the way back, as
// numpy.fft.rfftn and irfftn: the last of the axes is halved.
#pragma once

#include <complex>

#include <edgemesh_plugin.hpp>

#include "spectrum.hpp"

namespace fft {

// y has the shape of x, but length / 2 + 1 along the last of transform.axes.
template <class Real>
void half_spectrum(const Transform &transform, const edgemesh::Call &call,
                   const edgemesh::View<const Real> &x,
                   const edgemesh::View<std::complex<Real>> &y);

// x has the shape of y, but length / 2 + 1 along the last of transform.axes. keep: x is input
// memory; otherwise it is overwritten.
template <class Real>
void real_signal(const Transform &transform, const edgemesh::Call &call,
                 const edgemesh::View<std::complex<Real>> &x, const edgemesh::View<Real> &y,
                 bool keep);

} // namespace fft
