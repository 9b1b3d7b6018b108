#include "pixels.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "codec.hpp"
#include "options.hpp"

namespace image {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::Shape;

// OpenCV's depths that are tensors here.
int depth_of(edgemesh_dtype dtype) {
    switch (dtype) {
    case EDGEMESH_UINT8: return CV_8U;
    case EDGEMESH_UINT16: return CV_16U;
    case EDGEMESH_FLOAT32: return CV_32F;
    default: return -1;
    }
}

cv::Mat view(const edgemesh::Tensor &tensor) {
    const Shape &shape = tensor.shape();
    if (shape.size() != 2 && shape.size() != 3) {
        throw InvalidInput(tensor.field(), "must have the shape [h, w] or [h, w, channels], has " +
                                               edgemesh::shape_text(shape));
    }
    const std::int64_t channels = shape.size() == 3 ? shape[2] : 1;
    if (channels > CV_CN_MAX) {
        throw InvalidInput(tensor.field(), "must have at most " + std::to_string(CV_CN_MAX) +
                                               " channels, has " + std::to_string(channels));
    }
    if (shape[0] > most_pixels || shape[1] * channels > most_pixels / 8 ||
        shape[0] * shape[1] > most_pixels) {
        throw InvalidInput(tensor.field(), "must have at most 2^30 pixels, and 2^27 numbers in a "
                                           "row, has the shape " +
                                               edgemesh::shape_text(shape));
    }
    const void *data = nullptr;
    edgemesh::visit<std::uint8_t, std::uint16_t, float>(
        tensor, [&](const auto &elements) { data = elements.data(); });
    // OpenCV has no constant matrices; none of those that come from here is written to.
    return {static_cast<int>(shape[0]), static_cast<int>(shape[1]),
            CV_MAKETYPE(depth_of(tensor.dtype()), static_cast<int>(channels)),
            const_cast<void *>(data)};
}

} // namespace

Source read(const edgemesh::Call &call) {
    const edgemesh::Tensor &tensor = call.input("image");
    if (tensor.dtype() != EDGEMESH_BYTES) return {view(tensor), tensor.rank() == 2};
    cv::Mat pixels;
    decode(call, tensor, [&](cv::Size size, int type) -> cv::Mat & {
        pixels.create(size, type);
        return pixels;
    });
    const bool flat = pixels.channels() == 1;
    return {std::move(pixels), flat};
}

cv::Mat output(edgemesh::Call &call, const char *name, const Shape &shape, int depth) {
    void *data = nullptr;
    switch (depth) {
    case CV_8U: data = call.output<std::uint8_t>(name, shape).data(); break;
    case CV_16U: data = call.output<std::uint16_t>(name, shape).data(); break;
    case CV_16S: data = call.output<std::int16_t>(name, shape).data(); break;
    case CV_32S: data = call.output<std::int32_t>(name, shape).data(); break;
    case CV_32F: data = call.output<float>(name, shape).data(); break;
    case CV_64F: data = call.output<double>(name, shape).data(); break;
    default: throw std::logic_error("no tensor is of this depth");
    }
    const int channels = shape.size() == 3 ? static_cast<int>(shape[2]) : 1;
    return {static_cast<int>(shape[0]), static_cast<int>(shape[1]), CV_MAKETYPE(depth, channels),
            data};
}

Target::Target(edgemesh::Call &call, cv::Size size, int depth, const Source &like,
               const char *field)
    : call_(call) {
    const int channels = like.pixels.channels();
    const std::int64_t row = std::int64_t{size.width} * channels;
    const auto bytes = static_cast<std::uint64_t>(row) * static_cast<std::uint64_t>(size.height) *
                       static_cast<std::uint64_t>(CV_ELEM_SIZE1(depth));
    if (std::int64_t{size.width} * size.height > most_pixels || row > most_pixels / 8 ||
        (call.memory_bytes() != 0 && bytes > call.memory_bytes())) {
        throw InvalidInput(field, "must give an image of at most 2^30 pixels that fits into the "
                                  "memory, would give " +
                                      std::to_string(size.width) + " x " +
                                      std::to_string(size.height));
    }
    const auto format = call.parameters().get<std::string>("format", "array");
    if (format != "array") {
        check_encodable(format, depth, channels, "parameters.format");
        format_ = format;
        pixels.create(size, CV_MAKETYPE(depth, channels));
    } else {
        Shape shape{size.height, size.width};
        if (!like.flat) shape.push_back(channels);
        pixels = output(call, "y", shape, depth);
    }
    memory_ = pixels;
}

void Target::finish() {
    if (pixels.data != memory_.data) pixels.copyTo(memory_);
    if (!format_) return;
    const auto file = encode(call_, memory_, *format_);
    std::memcpy(call_.output_file("y", file.size(), "image/" + *format_).data(), file.data(),
                file.size());
}

edgemesh::Algorithm with_reading(edgemesh::Algorithm algorithm) {
    return std::move(algorithm)
        .parameter("mode", choice_schema(modes, "unchanged",
                                         "how a file is read: as it is, with the channels red, "
                                         "green and blue, or as shades of gray"))
        .parameter("max_pixels", Json{{"type", "integer"},
                                      {"minimum", 1},
                                      {"maximum", most_pixels},
                                      {"default", default_max_pixels},
                                      {"description", "files of more pixels are refused before "
                                                      "memory is taken"}});
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about) {
    return with_writing(with_reading(edgemesh::Algorithm(name, "1").about(about)))
        .parameter("format", Json{{"enum", {"array", "png", "jpeg"}},
                                  {"default", "array"},
                                  {"description", "what y is: an array, or a file's bytes"}})
        .input(edgemesh::TensorSpec("image")
                   .of<std::uint8_t, std::uint16_t, float, std::byte>()
                   .any_rank()
                   .about("[h, w] or [h, w, channels], or the bytes of a PNG or JPEG file"));
}

} // namespace image
