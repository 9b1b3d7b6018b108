#include "codec.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include <opencv2/imgproc.hpp>

#include "jpeg_reader.hpp"
#include "jpeg_writer.hpp"
#include "opencv.hpp"
#include "pixels.hpp"
#include "png_reader.hpp"
#include "png_writer.hpp"

namespace image {

using edgemesh::InvalidInput;
using edgemesh::Json;

namespace {

enum Mode { unchanged, color, gray };

void check_size(const edgemesh::Call &call, const edgemesh::Tensor &file, const Frame &frame) {
    const auto most =
        number<std::int64_t>(call.parameters(), "max_pixels", default_max_pixels, 1, most_pixels);
    const std::uint64_t pixels = std::uint64_t{frame.width} * frame.height;
    const std::uint64_t bytes = pixels * static_cast<std::uint64_t>(frame.channels) *
                                static_cast<std::uint64_t>(CV_ELEM_SIZE1(frame.depth));
    const std::string size = std::to_string(frame.width) + " x " + std::to_string(frame.height);
    if (pixels > static_cast<std::uint64_t>(most)) {
        throw InvalidInput(file.field(), "must have at most " + std::to_string(most) +
                                             " pixels (max_pixels), has " + size);
    }
    if (call.memory_bytes() != 0 && bytes > call.memory_bytes()) {
        throw InvalidInput(file.field(), "must fit into the memory, has " + size + " pixels");
    }
    if (file.nbytes() < frame.least_bytes) {
        throw InvalidInput(file.field(), "is cut short: it cannot hold " + size + " pixels");
    }
}

// OpenCV's code to bring `channels` to the mode; -1: they are as they should be.
int conversion(int mode, int channels) {
    if (mode == color) {
        if (channels == 1) return cv::COLOR_GRAY2RGB;
        return channels == 4 ? static_cast<int>(cv::COLOR_RGBA2RGB) : -1;
    }
    if (mode == gray && channels == 3) return cv::COLOR_RGB2GRAY;
    if (mode == gray && channels == 4) return cv::COLOR_RGBA2GRAY;
    return -1;
}

template <class Reader>
void decode_by(Reader &reader, const edgemesh::Call &call, const edgemesh::Tensor &file, int mode,
               const Allocate &allocate) {
    const Frame frame = reader.read_header();
    check_size(call, file, frame);
    const cv::Size size(static_cast<int>(frame.width), static_cast<int>(frame.height));
    const int code = conversion(mode, frame.channels);
    if (code < 0) {
        reader.read_pixels(allocate(size, CV_MAKETYPE(frame.depth, frame.channels)));
        return;
    }
    cv::Mat stored(size, CV_MAKETYPE(frame.depth, frame.channels));
    reader.read_pixels(stored);
    cv::Mat &converted = allocate(size, CV_MAKETYPE(frame.depth, mode == color ? 3 : 1));
    with_opencv(call, [&] { cv::cvtColor(stored, converted, code); });
}

bool begins(const edgemesh::Tensor &file, std::string_view signature) {
    return file.nbytes() >= signature.size() &&
           std::memcmp(file.data(), signature.data(), signature.size()) == 0;
}

void run_decode(edgemesh::Call &call) {
    decode(call, call.input("image"),
           [&, y = cv::Mat()](cv::Size size, int type) mutable -> auto & {
               edgemesh::Shape shape{size.height, size.width};
               if (CV_MAT_CN(type) > 1) shape.push_back(CV_MAT_CN(type));
               return y = output(call, "y", shape, CV_MAT_DEPTH(type));
           });
}

void run_encode(edgemesh::Call &call) {
    const Source source = read(call);
    const auto format = call.parameters().get<std::string>("format", "png");
    check_encodable(format, source.pixels.depth(), source.pixels.channels(), "inputs.image");
    const auto file = encode(call, source.pixels, format);
    const auto y = call.output_file("y", file.size(), "image/" + format);
    std::memcpy(y.data(), file.data(), file.size());
}

} // namespace

const Choices modes = {{"unchanged", unchanged}, {"color", color}, {"gray", gray}};

void decode(const edgemesh::Call &call, const edgemesh::Tensor &file, const Allocate &allocate) {
    const std::string_view type = file.media_type();
    if (!type.empty() && type != "image/png" && type != "image/jpeg") {
        throw InvalidInput(file.field(),
                           "must be image/png or image/jpeg, is " + std::string(type));
    }
    const int mode = choose(call.parameters(), "mode", modes, "unchanged");
    if (begins(file, "\x89PNG\r\n\x1a\n")) {
        PngReader reader(call, file);
        decode_by(reader, call, file, mode, allocate);
    } else if (begins(file, "\xff\xd8\xff")) {
        JpegReader reader(call, file, mode == gray);
        decode_by(reader, call, file, mode, allocate);
    } else {
        throw InvalidInput(file.field(), "must be a PNG or JPEG file, begins as neither");
    }
}

std::vector<std::uint8_t> encode(const edgemesh::Call &call, const cv::Mat &pixels,
                                 const std::string &format) {
    if (format == "png") {
        return write_png(call, pixels, number(call.parameters(), "compression", 1, 0, 9));
    }
    return write_jpeg(call, pixels, number(call.parameters(), "quality", 95, 1, 100));
}

void check_encodable(const std::string &format, int depth, int channels, const std::string &field) {
    if (format == "png") {
        if ((depth == CV_8U || depth == CV_16U) && channels <= 4) return;
        throw InvalidInput(field, "must fit: PNG holds uint8 and uint16 in 1 to 4 channels");
    }
    if (format != "jpeg") throw InvalidInput("parameters.format", "must be png or jpeg");
    if (depth == CV_8U && (channels == 1 || channels == 3)) return;
    throw InvalidInput(field, "must fit: JPEG holds uint8 in 1 or 3 channels");
}

edgemesh::Algorithm with_writing(edgemesh::Algorithm algorithm) {
    return std::move(algorithm)
        .parameter("quality", Json{{"type", "integer"},
                                   {"minimum", 1},
                                   {"maximum", 100},
                                   {"default", 95},
                                   {"description", "of JPEG files"}})
        .parameter("compression", Json{{"type", "integer"},
                                       {"minimum", 0},
                                       {"maximum", 9},
                                       {"default", 1},
                                       {"description", "of PNG files: zlib's level"}});
}

edgemesh::Algorithm image_decode() {
    return with_reading(edgemesh::Algorithm("cpp.image_decode", "1")
                            .about("The pixels of a PNG or JPEG file, as cv2.imdecode, but with "
                                   "channels in the order red, green, blue, alpha; by libpng and "
                                   "libjpeg-turbo. EXIF orientation is not applied."))
        .input(edgemesh::TensorSpec("image").of<std::byte>().any_rank().about("the file's bytes"))
        .output(edgemesh::TensorSpec("y").of<std::uint8_t, std::uint16_t>().any_rank().about(
            "[h, w], or [h, w, channels] if there are several"))
        .run(run_decode);
}

edgemesh::Algorithm image_encode() {
    return with_writing(
               with_reading(edgemesh::Algorithm("cpp.image_encode", "1")
                                .about("A PNG or JPEG file of an image, as cv2.imencode, but of "
                                       "channels in the order red, green, blue, alpha; by libpng "
                                       "and libjpeg-turbo.")))
        .parameter("format", Json{{"enum", {"png", "jpeg"}},
                                  {"default", "png"},
                                  {"description", "png: uint8 or uint16 in 1 to 4 channels; jpeg: "
                                                  "uint8 in 1 or 3"}})
        .input(edgemesh::TensorSpec("image")
                   .of<std::uint8_t, std::uint16_t, float, std::byte>()
                   .any_rank()
                   .about("[h, w] or [h, w, channels], or another file's bytes"))
        .output(edgemesh::TensorSpec("y").of<std::byte>().any_rank().about("the file's bytes"))
        .run(run_encode);
}

} // namespace image
