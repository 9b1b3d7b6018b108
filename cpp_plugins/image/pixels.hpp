// Images as tensors: [h, w] or [h, w, channels] of uint8, uint16 or float32, or the bytes of a PNG
// or JPEG file. An array is looked at where it lies, and results are written where they go; only
// files are decoded and encoded, channels in the order red, green, blue, alpha.
#pragma once

#include <optional>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

// Not more than this in one image, whatever a caller asks for: OpenCV counts in 32 bits.
constexpr std::int64_t most_pixels = std::int64_t{1} << 30;

// What came in.
struct Source {
    cv::Mat pixels;
    bool flat; // [h, w]: without a third dimension
};

// The input `image`; files as `mode` says, within `max_pixels`.
Source read(const edgemesh::Call &call);

// What goes out: the output `y`, as `format` says.
class Target {
  public:
    // depth: OpenCV's (CV_8U, …). InvalidInput, naming `field`: too large.
    Target(edgemesh::Call &call, cv::Size size, int depth, const Source &like,
           const char *field = "inputs.image");

    // To be filled by OpenCV, as its `dst`.
    cv::Mat pixels;

    // Afterwards.
    void finish();

  private:
    edgemesh::Call &call_;
    std::optional<std::string> format_; // "png" or "jpeg"; otherwise an array
    cv::Mat memory_;                    // where pixels must be
};

// An output of these lengths as a matrix of OpenCV's. shape: [h, w] or [h, w, channels].
cv::Mat output(edgemesh::Call &call, const char *name, const edgemesh::Shape &shape, int depth);

// The algorithm with the input `image`, the output `y` and the parameters for files.
edgemesh::Algorithm algorithm(const std::string &name, const std::string &about);

// The parameters for files that are read: `mode` and `max_pixels`.
edgemesh::Algorithm with_reading(edgemesh::Algorithm algorithm);

} // namespace image
