// Writes a PNG file into memory by libpng.
#pragma once

#include <cstdint>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

// pixels: uint8 or uint16 of 1 to 4 channels (gray; gray, alpha; red, green, blue; and alpha).
// compression: zlib's level, 0 to 9.
std::vector<std::uint8_t> write_png(const edgemesh::Call &call, const cv::Mat &pixels,
                                    int compression);

} // namespace image
