// Arrays in C order as plain memory: their sizes, and blocks copied between them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "fftw.hpp"

namespace fft {

inline std::size_t size_of(const edgemesh::Shape &shape) {
    std::size_t size = 1;
    for (const std::int64_t length : shape) size *= static_cast<std::size_t>(length);
    return size;
}

// Elements between neighbours along the axis.
inline std::size_t stride_of(const edgemesh::Shape &shape, std::size_t axis) {
    return size_of({shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end()});
}

// Memory aligned as FFTW likes it best, not initialised. T is a number, real or complex.
template <class T> class Buffer {
  public:
    explicit Buffer(std::size_t size)
        : data_(size > SIZE_MAX / sizeof(T) ? nullptr
                                            : static_cast<T *>(Fftw<double>::allocate(
                                                  std::max(size, std::size_t{1}) * sizeof(T))),
                Fftw<double>::release),
          size_(size) {
        if (data_ == nullptr) throw std::bad_alloc();
    }
    T *data() const noexcept { return data_.get(); }
    T *begin() const noexcept { return data_.get(); }
    T *end() const noexcept { return data_.get() + size_; }
    std::size_t size() const noexcept { return size_; }
    T &operator[](std::size_t index) const noexcept { return data_.get()[index]; }

  private:
    std::unique_ptr<T, void (*)(void *)> data_;
    std::size_t size_;
};

// A block of `block`'s lengths, from the element `from_start` of one array to `to_start` of
// another. The arrays' shapes and the block have the same rank, and the block lies in both.
template <class From, class T>
void copy_block(const From *from, const edgemesh::Shape &from_shape, std::size_t from_start, T *to,
                const edgemesh::Shape &to_shape, std::size_t to_start,
                const edgemesh::Shape &block) {
    if (size_of(block) == 0) return;
    if (block.empty()) {
        to[to_start] = static_cast<T>(from[from_start]);
        return;
    }
    const std::size_t rank = block.size();
    const auto row = static_cast<std::size_t>(block.back());
    std::vector<std::size_t> index(rank, 0);
    for (;;) {
        std::transform(from + from_start, from + from_start + row, to + to_start,
                       [](const From &value) { return static_cast<T>(value); });
        std::size_t axis = rank - 1;
        for (;;) { // the next row
            if (axis-- == 0) return;
            const std::size_t from_stride = stride_of(from_shape, axis);
            const std::size_t to_stride = stride_of(to_shape, axis);
            from_start += from_stride;
            to_start += to_stride;
            if (++index[axis] < static_cast<std::size_t>(block[axis])) break;
            from_start -= index[axis] * from_stride;
            to_start -= index[axis] * to_stride;
            index[axis] = 0;
        }
    }
}

// The array cut off, or filled up with zeros, at the end of each axis.
template <class From, class T>
void resize(const From *from, const edgemesh::Shape &shape, T *to, const edgemesh::Shape &wanted) {
    edgemesh::Shape common = shape;
    bool grows = false;
    for (std::size_t axis = 0; axis < common.size(); ++axis) {
        grows = grows || wanted[axis] > shape[axis];
        common[axis] = std::min(common[axis], wanted[axis]);
    }
    if (grows) std::fill_n(to, size_of(wanted), T{});
    copy_block(from, shape, 0, to, wanted, 0, common);
}

} // namespace fft
