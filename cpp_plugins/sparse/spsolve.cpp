// cpp.spsolve: scipy.sparse.linalg.spsolve by Eigen's SparseLU (supernodal, columns ordered by
// COLAMD).
#include <Eigen/OrderingMethods>
#include <Eigen/SparseLU>

#include "matrix.hpp"
#include "solvers.hpp"

namespace sparse {
namespace {

void run(edgemesh::Call &call) {
    const Matrix matrix = read_matrix(call);
    const Eigen::MatrixXd b = read_right_side(call, matrix.rows());
    Eigen::SparseLU<Matrix, Eigen::COLAMDOrdering<std::int32_t>> solver;
    solver.analyzePattern(matrix);
    call.check_cancelled();
    solver.factorize(matrix);
    if (solver.info() != Eigen::Success) {
        throw edgemesh::Failure("SingularMatrix", "the matrix is singular");
    }
    call.check_cancelled();
    const Eigen::MatrixXd x = solver.solve(b);
    if (!x.allFinite()) throw edgemesh::Failure("SingularMatrix", "the matrix is singular");
    write_solution(call, x);
}

} // namespace

edgemesh::Algorithm spsolve() {
    return with_system(edgemesh::Algorithm("cpp.spsolve", "1")
                           .about("x of A x = b for a sparse square A in CSR form, as "
                                  "scipy.sparse.linalg.spsolve; by Eigen's SparseLU. Fails with "
                                  "SingularMatrix."))
        .run(run);
}

} // namespace sparse
