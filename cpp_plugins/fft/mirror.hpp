// The second half of a real input's spectrum.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace fft {

// Rows of the array: everything below one index of the dimensions outside of the halved axis.
// A row is `length` blocks (one for each index of the halved axis) of `block` elements.
struct Rows {
    std::size_t count = 1, length = 1, block = 1;
    const edgemesh::Shape *shape;
    std::vector<bool> mirrored; // for each outer dimension, whether it is transformed

    Rows(const edgemesh::Shape &of, const std::vector<std::size_t> &axes) : shape(&of) {
        const std::size_t halved = axes.back();
        for (std::size_t axis = 0; axis < of.size(); ++axis) {
            const auto size = static_cast<std::size_t>(of[axis]);
            if (axis < halved) {
                count *= size;
                mirrored.push_back(std::binary_search(axes.begin(), axes.end(), axis));
            } else {
                (axis == halved ? length : block) *= size;
            }
        }
    }

    // The row at the negated frequencies.
    std::size_t mirror(std::size_t row) const {
        std::size_t image = 0, stride = 1;
        for (std::size_t axis = mirrored.size(); axis-- > 0;) {
            const auto size = static_cast<std::size_t>((*shape)[axis]);
            const std::size_t index = row % size;
            row /= size;
            image += stride * (mirrored[axis] && index > 0 ? size - index : index);
            stride *= size;
        }
        return image;
    }
};

// The computed half of every row: scaled, and conjugated if need be.
template <class Real>
void finish_half(std::complex<Real> *y, const Rows &rows, Real factor, bool conjugate) {
    const std::size_t row_size = rows.length * rows.block;
    const std::size_t half = (rows.length / 2 + 1) * rows.block;
    const Real imaginary_factor = conjugate ? -factor : factor;
    for (std::size_t row = 0; row < rows.count; ++row) {
        // An array of complex numbers may be read as one of their parts ([complex.numbers]).
        Real *const parts = reinterpret_cast<Real *>(y + row * row_size);
        for (std::size_t i = 0; i < half; ++i) {
            parts[2 * i] *= factor;
            parts[2 * i + 1] *= imaginary_factor;
        }
    }
}

// The other half, by y[-k] = conj(y[k]).
template <class Real> void mirror_half(std::complex<Real> *y, const Rows &rows) {
    const std::size_t row_size = rows.length * rows.block;
    for (std::size_t row = 0; row < rows.count; ++row) {
        const std::complex<Real> *const source = y + rows.mirror(row) * row_size;
        std::complex<Real> *const target = y + row * row_size;
        for (std::size_t k = rows.length / 2 + 1; k < rows.length; ++k) {
            const std::complex<Real> *const from = source + (rows.length - k) * rows.block;
            std::complex<Real> *const to = target + k * rows.block;
            for (std::size_t i = 0; i < rows.block; ++i) to[i] = std::conj(from[i]);
        }
    }
}

} // namespace fft
