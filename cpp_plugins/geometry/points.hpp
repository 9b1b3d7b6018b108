// Points as inputs: [n, dimensions], finite.
#pragma once

#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace geometry {

// InvalidInput unless all numbers are finite.
template <class T>
void check_finite(const edgemesh::Tensor &tensor, const edgemesh::View<const T> &numbers);

// The points as Qhull wants them, in double precision and not constant.
std::vector<double> copy_points(const edgemesh::Tensor &tensor);

edgemesh::TensorSpec points_spec(const std::string &name, const std::string &about);

} // namespace geometry
