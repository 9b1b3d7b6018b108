#include "matrices.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace linalg {

using edgemesh::InvalidInput;
using edgemesh::Shape;
using edgemesh::Tensor;

Shape Stack::shape(std::initializer_list<std::size_t> lengths) const {
    Shape shape = leading;
    for (const std::size_t length : lengths) shape.push_back(static_cast<std::int64_t>(length));
    return shape;
}

Stack stack(const Tensor &tensor) {
    const Shape &shape = tensor.shape();
    if (shape.size() < 2) {
        throw InvalidInput(tensor.field(), "must have at least two dimensions, has the shape " +
                                               edgemesh::shape_text(shape));
    }
    for (std::size_t i = shape.size() - 2; i < shape.size(); ++i) {
        if (shape[i] > std::numeric_limits<std::int32_t>::max()) {
            throw InvalidInput(tensor.field(), "must have sides shorter than 2^31, has one of " +
                                                   std::to_string(shape[i]));
        }
    }
    Stack stack{1, static_cast<std::size_t>(shape[shape.size() - 2]),
                static_cast<std::size_t>(shape.back()), Shape(shape.begin(), shape.end() - 2)};
    for (const std::int64_t length : stack.leading) {
        stack.count *= static_cast<std::size_t>(length);
    }
    if (stack.size() == 0) stack.count = 0; // so many of nothing are not counted one by one
    return stack;
}

Stack square(const Tensor &tensor) {
    Stack matrices = stack(tensor);
    if (matrices.rows != matrices.columns) {
        throw InvalidInput(tensor.field(), "must be square in its last two dimensions, is " +
                                               std::to_string(matrices.rows) + " x " +
                                               std::to_string(matrices.columns));
    }
    return matrices;
}

void check_size(const Tensor &tensor, const Shape &shape, std::size_t element_bytes) {
    constexpr std::uint64_t most = std::uint64_t{1} << 62;
    std::uint64_t bytes = element_bytes;
    for (const std::int64_t length : shape) {
        const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(length, 1));
        if (bytes > most / factor) {
            throw InvalidInput(tensor.field(), "must make a result of at most 2^62 bytes, lengths "
                                               "of 0 counted as 1");
        }
        bytes *= factor;
    }
}

void check_side(const Tensor &tensor, std::size_t side, std::size_t most) {
    if (side > most) {
        throw InvalidInput(tensor.field(), "must have a shorter side of at most " +
                                               std::to_string(most) + ", has one of " +
                                               std::to_string(side));
    }
}

edgemesh::TensorSpec any_matrix(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<float, double, std::complex<float>, std::complex<double>>()
        .any_rank()
        .allow_empty()
        .about(about);
}

edgemesh::TensorSpec real_numbers(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<float, double>().any_rank().allow_empty().about(about);
}

} // namespace linalg
