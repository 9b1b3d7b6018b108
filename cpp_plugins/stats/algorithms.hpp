// What the plugin offers: an index. Each is described and run by the file of its noun.
#pragma once

#include <edgemesh_plugin.hpp>

namespace stats {

edgemesh::Algorithm describe();          // describe.cpp
edgemesh::Algorithm histogram();         // histogram.cpp
edgemesh::Algorithm quantile();          // quantile.cpp
edgemesh::Algorithm cov();               // covariance.cpp
edgemesh::Algorithm linear_regression(); // regression.cpp
edgemesh::Algorithm kmeans();            // kmeans.cpp
edgemesh::Algorithm pca();               // pca.cpp

} // namespace stats
