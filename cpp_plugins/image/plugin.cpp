// Images: parameters, defaults and results of OpenCV's functions of the same name, words instead of
// its numbers.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"
#include "codec.hpp"

EDGEMESH_PLUGIN("image", "1.0.0", image::resize(), image::blur(), image::gaussian_blur(),
                image::sobel(), image::threshold(), image::morphology(),
                image::connected_components(), image::image_decode(), image::image_encode())
