// A sparse square matrix as scipy.sparse.csr_array holds it: data, indices, indptr. Nothing of it
// is trusted: every index is checked before it is used.
#pragma once

#include <cstdint>

#include <Eigen/SparseCore>

#include <edgemesh_plugin.hpp>

namespace sparse {

// Columns, as Eigen's solvers want them; made from rows, duplicates added up.
using Matrix = Eigen::SparseMatrix<double, Eigen::ColMajor, std::int32_t>;

// InvalidInput naming the input: lengths that do not fit together, indices out of range, an indptr
// that falls, NaN or infinity, 2^31 rows or elements and more.
Matrix read_matrix(const edgemesh::Call &call);

// b, column after column of [n] or [n, k]; InvalidInput unless it has n rows.
Eigen::MatrixXd read_right_side(const edgemesh::Call &call, Eigen::Index n);
// x, in b's shape, as the output y.
void write_solution(edgemesh::Call &call, const Eigen::MatrixXd &x);

// The inputs and the output that the solvers share.
edgemesh::Algorithm with_system(edgemesh::Algorithm algorithm);

} // namespace sparse
