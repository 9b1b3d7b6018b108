// Neighbours, hulls, triangulations and order: parameters, defaults and results of SciPy's and
// NumPy's functions of the same name.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"

EDGEMESH_PLUGIN("geometry", "1.0.0", geometry::knn(), geometry::convex_hull(), geometry::delaunay(),
                geometry::sort(), geometry::argsort(), geometry::searchsorted())
