// cpp.blur, cpp.gaussian_blur and cpp.sobel: cv2.blur, cv2.GaussianBlur, cv2.Sobel.
#include <cmath>
#include <string>

#include <edgemesh_plugin.hpp>
#include <opencv2/imgproc.hpp>

#include "algorithms.hpp"
#include "opencv.hpp"
#include "options.hpp"
#include "pixels.hpp"

namespace image {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::TensorSpec;

constexpr int most_ksize = 32767;

int border(const edgemesh::Call &call) {
    return choose(call.parameters(), "border", borders, "reflect_101");
}

edgemesh::Algorithm with_border(edgemesh::Algorithm algorithm) {
    return std::move(algorithm).parameter(
        "border", choice_schema(borders, "reflect_101", "what lies outside of the image"));
}

TensorSpec same_type() {
    return TensorSpec("y").of<std::uint8_t, std::uint16_t, float, std::byte>().any_rank().about(
        "of the image's type and shape");
}

void run_blur(edgemesh::Call &call) {
    const Source source = read(call);
    if (!call.parameters().has("ksize")) throw InvalidInput("parameters.ksize", "is required");
    const auto ksize = pair<int>(call.parameters(), "ksize", {0, 0}, 1, most_ksize);
    const int outside = border(call);
    Target target(call, source.pixels.size(), source.pixels.depth(), source);
    with_opencv(call, [&] {
        cv::blur(source.pixels, target.pixels, {ksize.x, ksize.y}, {-1, -1}, outside);
    });
    target.finish();
}

void run_gaussian_blur(edgemesh::Call &call) {
    const Source source = read(call);
    const edgemesh::Parameters &parameters = call.parameters();
    const auto ksize = pair<int>(parameters, "ksize", {0, 0}, 0, most_ksize);
    // 4 on either side of a kernel that is made from it.
    const auto sigma = pair<double>(parameters, "sigma", {0, 0}, 0, most_ksize / 8.0 - 1);
    const auto check = [](int size, double width) {
        if (size == 0 && width == 0) {
            throw InvalidInput("parameters.ksize", "or sigma must be more than 0");
        }
        if (size != 0 && size % 2 == 0) throw InvalidInput("parameters.ksize", "must be odd");
    };
    check(ksize.x, sigma.x);
    check(ksize.y, sigma.y);
    const int outside = border(call);
    Target target(call, source.pixels.size(), source.pixels.depth(), source);
    with_opencv(call, [&] {
        cv::GaussianBlur(source.pixels, target.pixels, {ksize.x, ksize.y}, sigma.x, sigma.y,
                         outside);
    });
    target.finish();
}

const Choices depths = {{"same", -1},      {"uint8", CV_8U},    {"uint16", CV_16U},
                        {"int16", CV_16S}, {"float32", CV_32F}, {"float64", CV_64F}};

// What OpenCV can make of each.
bool derivable(int from, int to) {
    switch (from) {
    case CV_8U: return to != CV_16U;
    case CV_16U: return to == CV_16U || to == CV_32F || to == CV_64F;
    default: return to == CV_32F || to == CV_64F;
    }
}

void run_sobel(edgemesh::Call &call) {
    const Source source = read(call);
    const edgemesh::Parameters &parameters = call.parameters();
    const int dx = number(parameters, "dx", 0, 0, 30), dy = number(parameters, "dy", 0, 0, 30);
    const int ksize = number(parameters, "ksize", 3, 1, 31);
    if (dx + dy == 0) throw InvalidInput("parameters.dx", "or dy must be more than 0");
    if (ksize % 2 == 0) throw InvalidInput("parameters.ksize", "must be odd");
    const int most = std::max(ksize, 3) - 1; // a kernel of one pixel is three in its direction
    if (dx > most || dy > most) {
        throw InvalidInput(dx > most ? "parameters.dx" : "parameters.dy",
                           "must be less than ksize, at most " + std::to_string(most));
    }
    const auto scale = parameters.get<double>("scale", 1.0);
    const auto delta = parameters.get<double>("delta", 0.0);
    int depth = choose(parameters, "ddepth", depths, "same");
    if (depth < 0) depth = source.pixels.depth();
    if (!derivable(source.pixels.depth(), depth)) {
        throw InvalidInput("parameters.ddepth",
                           "must be same, float32 or float64, or int16 of a uint8 image");
    }
    const int outside = border(call);
    Target target(call, source.pixels.size(), depth, source);
    with_opencv(call, [&] {
        cv::Sobel(source.pixels, target.pixels, depth, dx, dy, ksize, scale, delta, outside);
    });
    target.finish();
}

Json integer(int otherwise, const std::string &about) {
    return {{"type", "integer"}, {"default", otherwise}, {"description", about}};
}

} // namespace

edgemesh::Algorithm blur() {
    return with_border(algorithm("cpp.blur", "Each pixel the mean of those around it, as cv2.blur; "
                                             "by OpenCV."))
        .required_parameter("ksize", pair_schema("integer", "pixels that are averaged"))
        .output(same_type())
        .run(run_blur);
}

edgemesh::Algorithm gaussian_blur() {
    return with_border(
               algorithm("cpp.gaussian_blur",
                         "An image convolved with a Gaussian, as cv2.GaussianBlur; by OpenCV."))
        .parameter("ksize", pair_schema("integer", "the kernel's width, odd; 0: as sigma says"))
        .parameter("sigma", pair_schema("number", "standard deviation; 0: as ksize says"))
        .output(same_type())
        .run(run_gaussian_blur);
}

edgemesh::Algorithm sobel() {
    return with_border(algorithm("cpp.sobel", "A derivative of an image, smoothed across its "
                                              "direction, as cv2.Sobel; by OpenCV."))
        .parameter("dx", integer(0, "order of the derivative along x"))
        .parameter("dy", integer(0, "order of the derivative along y"))
        .parameter("ksize", integer(3, "the kernel's width, odd"))
        .parameter("scale", Json{{"type", "number"}, {"default", 1}})
        .parameter("delta", Json{{"type", "number"}, {"default", 0}, {"description", "is added"}})
        .parameter("ddepth", choice_schema(depths, "same",
                                           "y's type; integers are saturated: uint8 loses what is "
                                           "negative"))
        .output(TensorSpec("y")
                    .of<std::uint8_t, std::uint16_t, std::int16_t, float, double, std::byte>()
                    .any_rank()
                    .about("of the image's shape"))
        .run(run_sobel);
}

} // namespace image
