// What this plugin offers.
#pragma once

#include <edgemesh_plugin.hpp>

namespace geometry {

edgemesh::Algorithm knn();
edgemesh::Algorithm convex_hull();
edgemesh::Algorithm delaunay();
edgemesh::Algorithm sort();
edgemesh::Algorithm argsort();
edgemesh::Algorithm searchsorted();

} // namespace geometry
