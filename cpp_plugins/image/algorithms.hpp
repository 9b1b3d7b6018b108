// What this plugin offers, each from the file of that name.
#pragma once

#include <edgemesh_plugin.hpp>

namespace image {

edgemesh::Algorithm resize();
edgemesh::Algorithm blur();
edgemesh::Algorithm gaussian_blur();
edgemesh::Algorithm sobel();
edgemesh::Algorithm threshold();
edgemesh::Algorithm morphology();
edgemesh::Algorithm connected_components();

} // namespace image
