// Elements that lie at any distance from each other, as NumPy's arrays do: a transposed or sliced
// view needs no copy.
//
// Distances (strides) are bytes, and may be negative or 0. Nothing checks that an index or a
// stride stays within the memory, except assertions for indices: give it what a tensor gave.
#ifndef EDGEMESH_STRIDED_HPP
#define EDGEMESH_STRIDED_HPP

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "dtype.hpp"

namespace edgemesh {

// The strides of C order. No product overflows: the host has refused shapes where one would.
inline Shape c_strides(const Shape &shape, std::size_t element) {
    Shape strides(shape.size());
    auto step = static_cast<std::int64_t>(element);
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides[i] = step;
        step *= std::max<std::int64_t>(shape[i], 1);
    }
    return strides;
}

template <class T> class Strided {
  public:
    using Element = std::remove_const_t<T>;

    // data: the element whose indices are all 0.
    Strided(T *data, Shape shape, Shape strides)
        : data_(reinterpret_cast<Byte *>(data)), shape_(std::move(shape)),
          strides_(std::move(strides)) {
        assert(shape_.size() == strides_.size());
    }

    T *data() const noexcept { return reinterpret_cast<T *>(data_); }
    const Shape &shape() const noexcept { return shape_; }
    const Shape &strides() const noexcept { return strides_; } // in bytes
    std::size_t rank() const noexcept { return shape_.size(); }
    std::size_t length(std::size_t dimension) const {
        return static_cast<std::size_t>(shape_.at(dimension));
    }
    std::size_t size() const noexcept {
        std::size_t count = 1;
        for (const std::int64_t length : shape_) count *= static_cast<std::size_t>(length);
        return count;
    }
    bool empty() const noexcept { return size() == 0; }

    // One index for each dimension.
    template <class... Index> T &operator()(Index... index) const noexcept {
        assert(sizeof...(Index) == rank());
        std::size_t dimension = 0;
        std::int64_t offset = 0;
        ((assert(static_cast<std::int64_t>(index) >= 0 &&
                 static_cast<std::int64_t>(index) < shape_[dimension]),
          offset += static_cast<std::int64_t>(index) * strides_[dimension], ++dimension),
         ...);
        return *reinterpret_cast<T *>(data_ + offset);
    }

    // Whether the elements lie in C order without gaps.
    bool contiguous() const {
        if (empty()) return true;
        const Shape expected = c_strides(shape_, sizeof(T));
        for (std::size_t i = 0; i < rank(); ++i) {
            if (shape_[i] != 1 && strides_[i] != expected[i]) return false;
        }
        return true;
    }

    // Dimension i of the result is dimension axes[i] of this: a permutation.
    Strided transposed(const std::vector<std::size_t> &axes) const {
        assert(axes.size() == rank());
        Shape shape, strides;
        for (const std::size_t axis : axes) {
            shape.push_back(shape_.at(axis));
            strides.push_back(strides_.at(axis));
        }
        return {data(), std::move(shape), std::move(strides)};
    }
    // The dimensions in reverse.
    Strided transposed() const {
        return {data(), Shape(shape_.rbegin(), shape_.rend()),
                Shape(strides_.rbegin(), strides_.rend())};
    }
    // Every element along `dimension` from the last to the first.
    Strided reversed(std::size_t dimension) const {
        Strided one = *this;
        const std::int64_t last = std::max<std::int64_t>(shape_.at(dimension) - 1, 0);
        if (!empty()) one.data_ += last * strides_[dimension]; // data may be null otherwise
        one.strides_[dimension] = -strides_[dimension];
        return one;
    }
    // `count` elements along `dimension`: first, first + step, …, all of them within it.
    Strided slice(std::size_t dimension, std::int64_t first, std::int64_t count,
                  std::int64_t step = 1) const {
        assert(count >= 0 && (count == 0 || (first >= 0 && first < shape_.at(dimension) &&
                                             first + (count - 1) * step >= 0 &&
                                             first + (count - 1) * step < shape_[dimension])));
        Strided one = *this;
        if (count > 0 && !empty()) one.data_ += first * strides_.at(dimension);
        one.shape_[dimension] = count;
        one.strides_[dimension] *= step;
        return one;
    }

    // Writes the elements in C order.
    void copy_to(Element *out) const {
        if (empty()) return;
        if (rank() == 0) {
            *out = *data();
            return;
        }
        const std::int64_t step = strides_.back();
        std::vector<std::int64_t> index(rank(), 0);
        for (Byte *row = data_;;) {
            for (std::int64_t i = 0; i < shape_.back(); ++i) {
                *out++ = *reinterpret_cast<T *>(row + i * step);
            }
            std::size_t dimension = rank() - 1;
            for (; dimension > 0; --dimension) { // the next row: count on, with carry
                const std::size_t outer = dimension - 1;
                row += strides_[outer];
                if (++index[outer] < shape_[outer]) break;
                row -= strides_[outer] * shape_[outer];
                index[outer] = 0;
            }
            if (dimension == 0) return;
        }
    }

  private:
    using Byte = std::conditional_t<std::is_const_v<T>, const std::byte, std::byte>;

    Byte *data_;
    Shape shape_;
    Shape strides_;
};

} // namespace edgemesh

#endif
