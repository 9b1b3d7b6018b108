#include "batches.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "matrices.hpp"

namespace linalg {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Shape;
using edgemesh::Tensor;

std::size_t blas_length(const Tensor &tensor, std::int64_t length) {
    if (length > std::numeric_limits<std::int32_t>::max()) {
        throw InvalidInput(tensor.field(), "must have dimensions shorter than 2^31, has one of " +
                                               std::to_string(length));
    }
    return static_cast<std::size_t>(length);
}

// The dimensions before the matrix, filled up with ones to `rank`.
Shape stack(const Tensor &tensor, std::size_t rank) {
    Shape dimensions(rank, 1);
    const Shape &shape = tensor.shape();
    if (shape.size() > 2) {
        std::copy(shape.begin(), shape.end() - 2,
                  dimensions.end() - static_cast<std::ptrdiff_t>(shape.size() - 2));
    }
    return dimensions;
}

Shape broadcast(const Shape &a, const Shape &b, const Tensor &second) {
    Shape both(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (a[i] != b[i] && a[i] != 1 && b[i] != 1) {
            throw InvalidInput(second.field(), "dimensions before the matrix must broadcast: " +
                                                   std::to_string(b[i]) + " against a's " +
                                                   std::to_string(a[i]));
        }
        both[i] = a[i] == 1 ? b[i] : a[i];
    }
    return both;
}

} // namespace

Product match(const Tensor &a, const Tensor &b) {
    for (const Tensor *const tensor : {&a, &b}) {
        if (tensor->rank() == 0) {
            throw InvalidInput(tensor->field(), "must have at least one dimension");
        }
    }
    const bool row = a.rank() == 1, column = b.rank() == 1;
    const std::int64_t inner = a.shape().back();
    const std::int64_t inner_b = column ? b.shape()[0] : b.shape()[b.rank() - 2];
    if (inner != inner_b) {
        throw InvalidInput(b.field(), std::string(b.rank() > 2 ? "second last" : "first") +
                                          " dimension must be " + std::to_string(inner) +
                                          ", as a's last, is " + std::to_string(inner_b));
    }
    Product product{};
    product.inner = blas_length(a, inner);
    product.rows = row ? 1 : blas_length(a, a.shape()[a.rank() - 2]);
    product.columns = column ? 1 : blas_length(b, b.shape().back());

    const std::size_t rank = std::max<std::size_t>({a.rank(), b.rank(), 2}) - 2;
    product.stack_a = stack(a, rank);
    product.stack_b = stack(b, rank);
    product.shape = broadcast(product.stack_a, product.stack_b, b);
    if (!row) product.shape.push_back(static_cast<std::int64_t>(product.rows));
    if (!column) product.shape.push_back(static_cast<std::int64_t>(product.columns));
    check_size(b, product.shape, edgemesh::find_dtype(b.dtype())->size);
    return product;
}

Batches batches(Product &product) {
    const Shape &a = product.stack_a, &b = product.stack_b;
    if (std::all_of(b.begin(), b.end(), [](std::int64_t length) { return length == 1; })) {
        std::size_t rows = product.rows;
        for (const std::int64_t length : a) rows *= static_cast<std::size_t>(length);
        if (rows <= std::numeric_limits<std::int32_t>::max()) {
            product.rows = rows;
            return {{0, 0}};
        }
    }
    return pairs(a, b);
}

Batches pairs(const Shape &a, const Shape &b) {
    Batches pairs{{0, 0}};
    for (std::size_t i = 0; i < a.size(); ++i) { // one dimension more, outermost first
        Batches longer;
        const auto length = static_cast<std::size_t>(a[i] == 1 ? b[i] : a[i]);
        longer.reserve(pairs.size() * length);
        for (const auto &[in_a, in_b] : pairs) {
            for (std::size_t k = 0; k < length; ++k) {
                longer.emplace_back(a[i] == 1 ? in_a : in_a * length + k,
                                    b[i] == 1 ? in_b : in_b * length + k);
            }
        }
        pairs = std::move(longer);
    }
    return pairs;
}

} // namespace linalg
