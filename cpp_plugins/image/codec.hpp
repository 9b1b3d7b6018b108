// PNG and JPEG files. A file's content is hostile: what it says of its size is checked before
// memory is taken, and what does not decode whole is refused.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

#include "options.hpp"

namespace image {

extern const Choices modes;
constexpr std::int64_t default_max_pixels = 100'000'000;

// What a file holds, known from its first bytes.
struct Frame {
    std::uint32_t width, height;
    int depth; // CV_8U or CV_16U
    int channels;
    std::uint64_t least_bytes; // no file that holds it is shorter
};

// Gives the matrix to decode into: of this size and type, in rows without gaps.
using Allocate = std::function<cv::Mat &(cv::Size size, int type)>;

// Decodes the file as the parameters `mode` and `max_pixels` say.
void decode(const edgemesh::Call &call, const edgemesh::Tensor &file, const Allocate &allocate);

// Encodes as the parameters `quality` and `compression` say. format: "png" or "jpeg".
std::vector<std::uint8_t> encode(const edgemesh::Call &call, const cv::Mat &pixels,
                                 const std::string &format);

// InvalidInput, naming `field`, if the format does not hold such images.
void check_encodable(const std::string &format, int depth, int channels, const std::string &field);

// The parameters of encode.
edgemesh::Algorithm with_writing(edgemesh::Algorithm algorithm);

// cpp.image_decode and cpp.image_encode.
edgemesh::Algorithm image_decode();
edgemesh::Algorithm image_encode();

} // namespace image
