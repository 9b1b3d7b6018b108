// How the shapes of a product meet, after numpy.matmul: matrices are the last two dimensions, a
// vector is a matrix of one row (a) or one column (b), and what comes before is broadcast.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace linalg {

struct Product {
    std::size_t rows, inner, columns;
    edgemesh::Shape stack_a, stack_b; // dimensions before the matrix, as many for both
    edgemesh::Shape shape;            // of the result
};

// InvalidInput, naming the input: a scalar, inner lengths that differ, stacks that do not
// broadcast, a length that BLAS cannot take (2^31 and more), a result that nothing can hold.
Product match(const edgemesh::Tensor &a, const edgemesh::Tensor &b);

// For each matrix of the result, which one of a and which one of b it is made of; as long as the
// result, so ask when that is there.
using Batches = std::vector<std::pair<std::size_t, std::size_t>>;
Batches pairs(const edgemesh::Shape &stack_a, const edgemesh::Shape &stack_b);
// The same for a product. Many matrices times one lie in memory like one tall matrix: then the
// product is made taller, and there is one batch.
Batches batches(Product &product);

} // namespace linalg
