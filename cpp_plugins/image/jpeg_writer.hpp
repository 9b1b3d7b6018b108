// Writes a JPEG file into memory by libjpeg-turbo.
#pragma once

#include <cstdint>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

// pixels: uint8 of 1 or 3 channels (gray; red, green, blue). quality: 1 to 100.
std::vector<std::uint8_t> write_jpeg(const edgemesh::Call &call, const cv::Mat &pixels,
                                     int quality);

} // namespace image
