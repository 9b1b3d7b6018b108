// cpp.morphology: cv2.morphologyEx with a kernel of cv2.getStructuringElement.
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

const Choices operations = {
    {"erode", cv::MORPH_ERODE},       {"dilate", cv::MORPH_DILATE},
    {"open", cv::MORPH_OPEN},         {"close", cv::MORPH_CLOSE},
    {"gradient", cv::MORPH_GRADIENT}, {"tophat", cv::MORPH_TOPHAT},
    {"blackhat", cv::MORPH_BLACKHAT},
};
const Choices shapes = {
    {"rect", cv::MORPH_RECT}, {"cross", cv::MORPH_CROSS}, {"ellipse", cv::MORPH_ELLIPSE}};

void run(edgemesh::Call &call) {
    const Source source = read(call);
    const edgemesh::Parameters &parameters = call.parameters();
    if (!parameters.has("op")) throw InvalidInput("parameters.op", "is required");
    const int operation = choose(parameters, "op", operations, "");
    const int shape = choose(parameters, "shape", shapes, "rect");
    const auto ksize = pair<int>(parameters, "ksize", {3, 3}, 1, 1023);
    // OpenCV makes one kernel of several iterations of a rectangle.
    const int iterations = number(parameters, "iterations", 1, 1, 1000);
    const auto grown = [&](int size) { return 1 + std::int64_t{iterations} * (size - 1); };
    if (grown(ksize.x) > 32767 || grown(ksize.y) > 32767 ||
        grown(ksize.x) * grown(ksize.y) > (1 << 22)) {
        throw InvalidInput("parameters.iterations",
                           "must reach no further than 32767 pixels, and 2^22 in both directions");
    }
    const int outside = choose(parameters, "border", borders, "constant");
    Target target(call, source.pixels.size(), source.pixels.depth(), source);
    with_opencv(call, [&] {
        const cv::Mat kernel = cv::getStructuringElement(shape, {ksize.x, ksize.y});
        cv::morphologyEx(source.pixels, target.pixels, operation, kernel, {-1, -1}, iterations,
                         outside);
    });
    target.finish();
}

} // namespace

edgemesh::Algorithm morphology() {
    return algorithm("cpp.morphology", "Erosion, dilation and what is made of them, as "
                                       "cv2.morphologyEx; by OpenCV.")
        .required_parameter("op", choice_schema(operations, "", "what is done"))
        .parameter("shape", choice_schema(shapes, "rect", "the kernel's"))
        .parameter("ksize", pair_schema("integer", "the kernel's size, 3 if absent"))
        .parameter("iterations", Json{{"type", "integer"},
                                      {"minimum", 1},
                                      {"maximum", 1000},
                                      {"default", 1},
                                      {"description", "how often it is eroded and dilated"}})
        .parameter("border",
                   choice_schema(borders, "constant", "what lies outside; constant: nothing does"))
        .output(edgemesh::TensorSpec("y")
                    .of<std::uint8_t, std::uint16_t, float, std::byte>()
                    .any_rank()
                    .about("of the image's type and shape"))
        .run(run);
}

} // namespace image
