// cpp.cg: scipy.sparse.linalg.cg, conjugate gradients for symmetric positive definite matrices
// (Hestenes and Stiefel 1952); products by Eigen.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "matrix.hpp"
#include "solvers.hpp"

namespace sparse {
namespace {

void run(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    const Matrix matrix = read_matrix(call);
    if (call.input("b").rank() != 1) {
        throw edgemesh::InvalidInput("inputs.b", "must have one dimension");
    }
    const Eigen::VectorXd b = read_right_side(call, matrix.rows()).col(0);
    const auto rtol = parameters.get<double>("rtol", 1e-5),
               atol = parameters.get<double>("atol", 0);
    const auto iterations = parameters.get<std::int64_t>("maxiter", 10 * matrix.rows());
    if (!(rtol >= 0)) throw edgemesh::InvalidInput("parameters.rtol", "must not be negative");
    if (!(atol >= 0)) throw edgemesh::InvalidInput("parameters.atol", "must not be negative");
    if (iterations < 1) throw edgemesh::InvalidInput("parameters.maxiter", "must be 1 or more");

    const double enough = std::max(rtol * b.norm(), atol);
    Eigen::VectorXd x = Eigen::VectorXd::Zero(b.size()), residual = b, direction = b;
    double squared = residual.squaredNorm();
    std::int64_t done = 0;
    while (done < iterations && std::sqrt(squared) > enough) {
        call.check_cancelled();
        const Eigen::VectorXd product = matrix * direction;
        const double curvature = direction.dot(product);
        if (!(curvature > 0)) {
            throw edgemesh::Failure("NotPositiveDefinite", "the matrix is not positive definite");
        }
        const double length = squared / curvature;
        x += length * direction;
        residual -= length * product;
        const double before = squared;
        squared = residual.squaredNorm();
        direction = residual + squared / before * direction;
        ++done;
        call.progress(static_cast<double>(done) / static_cast<double>(iterations));
    }
    if (!x.allFinite()) {
        throw edgemesh::Failure("NoConvergence", "the iteration left the range of numbers");
    }
    write_solution(call, x);
    call.result({{"converged", std::sqrt(squared) <= enough},
                 {"iterations", done},
                 {"residual", std::sqrt(squared)}});
}

} // namespace

edgemesh::Algorithm cg() {
    const auto bound = [](double otherwise, const char *about) {
        return edgemesh::Json{
            {"type", "number"}, {"minimum", 0}, {"default", otherwise}, {"description", about}};
    };
    return with_system(
               edgemesh::Algorithm("cpp.cg", "1")
                   .about("x of A x = b for a sparse symmetric positive definite A in CSR form, by "
                          "conjugate gradients, as scipy.sparse.linalg.cg; products by Eigen. "
                          "Reports progress. Fails with NotPositiveDefinite and NoConvergence."))
        .parameter("rtol", bound(1e-5, "|b - A x| may be this times |b|"))
        .parameter("atol", bound(0.0, "|b - A x| may be this"))
        .parameter(
            "maxiter",
            {{"type", "integer"}, {"minimum", 1}, {"description", "iterations; default: 10 n"}})
        .result({{"type", "object"},
                 {"properties",
                  {{"converged", {{"type", "boolean"}}},
                   {"iterations", {{"type", "integer"}}},
                   {"residual", {{"type", "number"}}}}}})
        .streams()
        .run(run);
}

} // namespace sparse
