// Stacks of matrices, as NumPy has them: the last two dimensions are a matrix, those before count
// matrices. What an array must be for LAPACK is checked here, in LAPACK's stead.
#pragma once

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include <edgemesh_plugin.hpp>

#include "lapack.hpp"

namespace linalg {

struct Stack {
    std::size_t count; // matrices; 0 if these have no elements
    std::size_t rows, columns;
    edgemesh::Shape leading;

    std::size_t size() const { return rows * columns; }
    std::size_t smaller() const { return rows < columns ? rows : columns; }
    std::size_t larger() const { return rows < columns ? columns : rows; }
    // leading, and then these.
    edgemesh::Shape shape(std::initializer_list<std::size_t> lengths) const;
};

// InvalidInput: fewer than two dimensions, or a matrix with a side of 2^31 and more.
Stack stack(const edgemesh::Tensor &tensor);
// And both sides are as long.
Stack square(const edgemesh::Tensor &tensor);

// InvalidInput naming the tensor, if no array can have such a shape: lengths of 0 count as 1.
void check_size(const edgemesh::Tensor &tensor, const edgemesh::Shape &shape,
                std::size_t element_bytes);
// InvalidInput if the side is longer: LAPACK counts its workspaces, which grow with the side's
// square, in 32 bits.
void check_side(const edgemesh::Tensor &tensor, std::size_t side, std::size_t most);

template <class T>
edgemesh::View<T> output(edgemesh::Call &call, const char *name, const edgemesh::Tensor &input,
                         edgemesh::Shape shape) {
    check_size(input, shape, sizeof(T));
    return call.output<T>(name, std::move(shape));
}

// Neither NaN nor infinity among them.
template <class T> bool all_finite(const T *data, std::size_t size) {
    using Part = Real<T>;
    using Flag = std::conditional_t<sizeof(Part) == 4, std::uint32_t, std::uint64_t>;
    const auto *const parts = reinterpret_cast<const Part *>(data);
    Flag bad = 0; // as wide as a part, and no early end, so that compilers use vectors
    for (std::size_t i = 0; i < size * (sizeof(T) / sizeof(Part)); ++i) {
        bad |= static_cast<Flag>(!(std::abs(parts[i]) <= std::numeric_limits<Part>::max()));
    }
    return bad == 0;
}
// InvalidInput: LAPACK's iterations may not end on what is not finite.
template <class T>
void check_finite(const edgemesh::Tensor &tensor, const edgemesh::View<const T> &x) {
    if (!all_finite(x.data(), x.size())) {
        throw edgemesh::InvalidInput(tensor.field(), "must not contain NaN or infinity");
    }
}

// Calls function(View<const T>) with the tensor's type, one of those that LAPACK knows.
template <class Function> void visit_numbers(const edgemesh::Tensor &tensor, Function &&function) {
    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        tensor, std::forward<Function>(function));
}
template <class View>
using Element = std::remove_const_t<std::remove_pointer_t<decltype(std::declval<View>().data())>>;

// out = in's transpose; in: rows after rows.
template <class T>
void transpose(std::size_t rows, std::size_t columns, const T *in, std::size_t in_stride, T *out,
               std::size_t out_stride) {
    constexpr std::size_t block = 16; // two of them stay in the fastest cache
    for (std::size_t top = 0; top < rows; top += block) {
        const std::size_t bottom = top + block < rows ? top + block : rows;
        for (std::size_t left = 0; left < columns; left += block) {
            const std::size_t right = left + block < columns ? left + block : columns;
            for (std::size_t column = left; column < right; ++column) {
                for (std::size_t row = top; row < bottom; ++row) {
                    out[column * out_stride + row] = in[row * in_stride + column];
                }
            }
        }
    }
}
template <class T> void transpose(std::size_t rows, std::size_t columns, const T *in, T *out) {
    transpose(rows, columns, in, columns, out, rows);
}

// Of a matrix without elements in a stack; numpy's identities.
template <class T> void set_identities(const edgemesh::View<T> &y, std::size_t side) {
    std::fill(y.begin(), y.end(), T{});
    if (y.empty()) return;
    for (std::size_t begin = 0; begin < y.size(); begin += side * side) {
        for (std::size_t i = 0; i < side; ++i) y[begin + i * (side + 1)] = T{1};
    }
}

// The tensors' specs that all algorithms share.
edgemesh::TensorSpec any_matrix(const std::string &name, const std::string &about);
edgemesh::TensorSpec real_numbers(const std::string &name, const std::string &about);

} // namespace linalg
