// cpp.convex_hull: scipy.spatial.ConvexHull.
#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"
#include "points.hpp"
#include "qhull.hpp"
#include "simplices.hpp"

namespace geometry {
namespace {

using edgemesh::Json;
using edgemesh::TensorSpec;

double cross(const double *o, const double *a, const double *b) {
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
}

// The corners of a polygon, counterclockwise, from its edges.
std::vector<std::int32_t> around(const std::vector<std::int32_t> &edges,
                                 const std::vector<double> &points) {
    std::unordered_map<std::int32_t, std::vector<std::int32_t>> next;
    for (std::size_t i = 0; i < edges.size(); i += 2) {
        next[edges[i]].push_back(edges[i + 1]);
        next[edges[i + 1]].push_back(edges[i]);
    }
    std::vector<std::int32_t> ring{edges[0]};
    for (std::int32_t before = -1; ring.size() <= next.size();) {
        const auto &both = next[ring.back()];
        if (both.size() != 2) throw edgemesh::Failure("QhullError", "the hull is no ring");
        const std::int32_t ahead = both[0] == before ? both[1] : both[0];
        before = ring.back();
        if (ahead == ring.front()) break;
        ring.push_back(ahead);
    }
    double turn = 0;
    const auto at = [&](std::size_t i) {
        return points.data() + 2 * static_cast<std::size_t>(ring[i]);
    };
    for (std::size_t i = 2; i < ring.size(); ++i) turn += cross(at(0), at(i - 1), at(i));
    if (turn < 0) std::reverse(ring.begin() + 1, ring.end());
    return ring;
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &tensor = call.input("points");
    const Lengths lengths = check_points(tensor, 1);
    const std::vector<double> points = copy_points(tensor);
    Qhull qhull(points, lengths.count, lengths.width, lengths.width > 4 ? "i Qt Qx" : "i Qt");
    qhull.triangulate();
    call.check_cancelled();
    const auto facets = qhull.facets();
    const Qhull::Simplices simplices = qhull.simplices(facets);
    std::vector<std::int32_t> vertices;
    if (lengths.width == 2) {
        vertices = around(simplices.corners, points);
    } else {
        vertices = simplices.corners;
        std::sort(vertices.begin(), vertices.end());
        vertices.erase(std::unique(vertices.begin(), vertices.end()), vertices.end());
    }
    write_simplices(call, simplices, lengths.width);
    write(call, "vertices", vertices, {static_cast<std::int64_t>(vertices.size())});
    const Qhull::Size size = qhull.size();
    call.result({{"area", size.area}, {"volume", size.volume}});
}

} // namespace

edgemesh::Algorithm convex_hull() {
    return with_simplices(
               edgemesh::Algorithm("cpp.convex_hull", "1")
                   .about("The convex hull of points, as scipy.spatial.ConvexHull; by Qhull."))
        .output(TensorSpec("vertices")
                    .of<std::int32_t>()
                    .shape({-1})
                    .about("points on the hull; counterclockwise in two dimensions"))
        .result(
            Json{{"type", "object"},
                 {"properties",
                  {{"area",
                    {{"type", "number"},
                     {"description", "of the surface; in two dimensions the perimeter"}}},
                   {"volume",
                    {{"type", "number"}, {"description", "inside; in two dimensions the area"}}}}},
                 {"required", {"area", "volume"}}})
        .run(run);
}

} // namespace geometry
