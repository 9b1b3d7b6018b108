// An array's dimensions as FFTW wants them, and the plan for them.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <utility>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "plans.hpp"

namespace fft {

// Those to transform, and those to repeat over.
template <class Real> struct Dimensions {
    std::vector<typename Fftw<Real>::Dimension> transformed; // in the order of `axes`
    std::vector<typename Fftw<Real>::Dimension> repeated;

    // lengths: of the transforms. x and y: the shapes in memory, which differ from that, and from
    // each other, by a halved axis, the last one of `axes`.
    Dimensions(const edgemesh::Shape &lengths, const edgemesh::Shape &x, const edgemesh::Shape &y,
               const std::vector<std::size_t> &axes)
        : transformed(axes.size()) {
        std::ptrdiff_t stride_x = 1, stride_y = 1;
        for (std::size_t axis = lengths.size(); axis-- > 0;) {
            const typename Fftw<Real>::Dimension dimension{
                static_cast<std::ptrdiff_t>(lengths[axis]), stride_x, stride_y};
            const auto chosen = std::find(axes.begin(), axes.end(), axis);
            if (chosen != axes.end()) {
                transformed[static_cast<std::size_t>(chosen - axes.begin())] = dimension;
            } else {
                repeated.push_back(dimension);
            }
            stride_x *= static_cast<std::ptrdiff_t>(x[axis]);
            stride_y *= static_cast<std::ptrdiff_t>(y[axis]);
        }
        std::reverse(repeated.begin(), repeated.end());
    }
    int rank() const { return static_cast<int>(transformed.size()); }
    int repeats() const { return static_cast<int>(repeated.size()); }
};

template <class Real> int alignment(const void *data) {
    return Fftw<Real>::alignment(static_cast<Real *>(const_cast<void *>(data)));
}

// From x to y, which are the same memory or do not overlap; x is kept unless they are the same.
template <class Real>
typename Plans<Real>::Shared plan_complex(const edgemesh::Shape &shape,
                                          const std::vector<std::size_t> &axes, Kind kind,
                                          const std::complex<Real> *x, std::complex<Real> *y) {
    using F = Fftw<Real>;
    const PlanKey key{shape, axes, kind, alignment<Real>(x), alignment<Real>(y), x == y};
    return Plans<Real>::instance().get(key, [&] {
        const Dimensions<Real> dimensions(shape, shape, shape, axes);
        return F::plan_complex(dimensions.rank(), dimensions.transformed.data(),
                               dimensions.repeats(), dimensions.repeated.data(), F::data(x),
                               F::data(y), kind,
                               FFTW_ESTIMATE | (x == y ? 0 : FFTW_PRESERVE_INPUT));
    });
}

// The shape of a real array's spectrum without its redundant half.
inline edgemesh::Shape half_shape(edgemesh::Shape shape, std::size_t halved) {
    shape[halved] = shape[halved] / 2 + 1;
    return shape;
}

// y: half_shape, or for real_to_full the shape of x.
template <class Real>
typename Plans<Real>::Shared plan_real(const edgemesh::Shape &shape,
                                       const std::vector<std::size_t> &axes, Kind kind,
                                       const Real *x, std::complex<Real> *y) {
    using F = Fftw<Real>;
    const PlanKey key{shape, axes, kind, alignment<Real>(x), alignment<Real>(y)};
    return Plans<Real>::instance().get(key, [&] {
        const Dimensions<Real> dimensions(
            shape, shape, kind == real_to_full ? shape : half_shape(shape, axes.back()), axes);
        return F::plan_real(dimensions.rank(), dimensions.transformed.data(), dimensions.repeats(),
                            dimensions.repeated.data(), const_cast<Real *>(x), F::data(y),
                            FFTW_ESTIMATE | FFTW_PRESERVE_INPUT);
    });
}

// The inverse, of one axis. Keeps x only if asked to, which costs time.
template <class Real>
typename Plans<Real>::Shared plan_inverse(const edgemesh::Shape &shape, std::size_t axis,
                                          const std::complex<Real> *x, Real *y, bool keep) {
    using F = Fftw<Real>;
    PlanKey key{shape, {axis}, half_to_real, alignment<Real>(x), alignment<Real>(y)};
    key.in_place = !keep;
    return Plans<Real>::instance().get(key, [&] {
        const Dimensions<Real> dimensions(shape, half_shape(shape, axis), shape, {axis});
        return F::plan_inverse(dimensions.rank(), dimensions.transformed.data(),
                               dimensions.repeats(), dimensions.repeated.data(), F::data(x), y,
                               FFTW_ESTIMATE | (keep ? FFTW_PRESERVE_INPUT : FFTW_DESTROY_INPUT));
    });
}

} // namespace fft
