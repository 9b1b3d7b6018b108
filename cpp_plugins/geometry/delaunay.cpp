// cpp.delaunay: scipy.spatial.Delaunay.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"
#include "points.hpp"
#include "qhull.hpp"
#include "simplices.hpp"

namespace geometry {
namespace {

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &tensor = call.input("points");
    const Lengths lengths = check_points(tensor, 1);
    // SciPy's options: scaled, with a point at infinity, so that points on a circle are no matter.
    Qhull qhull(copy_points(tensor), lengths.count, lengths.width,
                lengths.width > 4 ? "d Qt Qbb Qc Qz Qx Q12" : "d Qt Qbb Qc Qz Q12");
    qhull.triangulate();
    call.check_cancelled();
    write_simplices(call, qhull.simplices(qhull.facets()), lengths.width + 1);
}

} // namespace

edgemesh::Algorithm delaunay() {
    return with_simplices(edgemesh::Algorithm("cpp.delaunay", "1")
                              .about("The Delaunay triangulation of points, as "
                                     "scipy.spatial.Delaunay; by Qhull."))
        .run(run);
}

} // namespace geometry
