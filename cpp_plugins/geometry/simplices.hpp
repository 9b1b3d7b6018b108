// What convex_hull and delaunay share: points in, simplices out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "points.hpp"
#include "qhull.hpp"

namespace geometry {

struct Lengths {
    int count, width;
};

// InvalidInput unless Qhull can take so many points of so many dimensions; `more` of them than
// dimensions are needed.
inline Lengths check_points(const edgemesh::Tensor &tensor, int more) {
    constexpr std::int64_t most_dimensions = 12; // facets grow as n^(dimensions / 2)
    constexpr std::int64_t most_numbers = std::int64_t{1} << 30;
    const std::int64_t count = tensor.shape()[0], width = tensor.shape()[1];
    if (width < 2 || width > most_dimensions) {
        throw edgemesh::InvalidInput(tensor.field(),
                                     "must have 2 to 12 dimensions, has " + std::to_string(width));
    }
    if (count > most_numbers / width) {
        throw edgemesh::InvalidInput(tensor.field(), "must be at most 2^30 numbers");
    }
    if (count < width + more) {
        throw edgemesh::InvalidInput(tensor.field(), "must be at least " +
                                                         std::to_string(width + more) +
                                                         " points, are " + std::to_string(count));
    }
    return {static_cast<int>(count), static_cast<int>(width)};
}

inline void write(edgemesh::Call &call, const char *name, const std::vector<std::int32_t> &numbers,
                  edgemesh::Shape shape) {
    const auto out = call.output<std::int32_t>(name, std::move(shape));
    std::copy(numbers.begin(), numbers.end(), out.begin());
}

inline void write_simplices(edgemesh::Call &call, const Qhull::Simplices &simplices, int corners) {
    const auto count = static_cast<std::int64_t>(simplices.corners.size()) / corners;
    write(call, "simplices", simplices.corners, {count, corners});
    write(call, "neighbors", simplices.neighbours, {count, corners});
}

inline edgemesh::Algorithm with_simplices(edgemesh::Algorithm algorithm) {
    return std::move(algorithm)
        .input(points_spec("points", "[n, dimensions], finite; 2 to 12 dimensions"))
        .output(edgemesh::TensorSpec("simplices")
                    .of<std::int32_t>()
                    .shape({-1, -1})
                    .allow_empty()
                    .about("the corners of each, as indices of points"))
        .output(edgemesh::TensorSpec("neighbors")
                    .of<std::int32_t>()
                    .shape({-1, -1})
                    .allow_empty()
                    .about("of each simplex, those opposite its corners; -1: none"));
}

} // namespace geometry
