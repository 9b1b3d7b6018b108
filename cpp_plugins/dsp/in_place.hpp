// Some axes of a complex array, transformed in place: at once if it fits the fast caches, otherwise
// one by one.
#pragma once

#include <complex>
#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "arrays.hpp"
#include "columns.hpp"
#include "dimensions.hpp"

namespace fft {

template <class Real>
void transform_in_place(const edgemesh::Call &call, Kind kind, const edgemesh::Shape &shape,
                        const std::vector<std::size_t> &axes, std::complex<Real> *y) {
    if (axes.empty()) return;
    using F = Fftw<Real>;
    const std::size_t size = size_of(shape);
    const auto at_once = [&](const std::vector<std::size_t> &some) {
        call.check_cancelled();
        const auto plan = plan_complex(shape, some, kind, y, y);
        F::execute_complex(plan.get(), F::data(y), F::data(y));
    };
    if (size * sizeof(std::complex<Real>) < large_bytes) return at_once(axes);
    for (const std::size_t axis : axes) {
        const std::size_t stride = stride_of(shape, axis);
        constexpr std::size_t cache_line = 64;
        if (stride * sizeof(std::complex<Real>) < 2 * cache_line) {
            at_once({axis});
            continue;
        }
        const auto length = static_cast<std::size_t>(shape[axis]);
        transform_columns(call, kind, y, size / (length * stride), length, stride, {{0, stride}});
    }
}

} // namespace fft
