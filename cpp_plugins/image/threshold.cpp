// cpp.threshold: cv2.threshold.
#include <cmath>

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

const Choices types = {{"binary", cv::THRESH_BINARY},
                       {"binary_inv", cv::THRESH_BINARY_INV},
                       {"trunc", cv::THRESH_TRUNC},
                       {"tozero", cv::THRESH_TOZERO},
                       {"tozero_inv", cv::THRESH_TOZERO_INV}};
const Choices methods = {
    {"given", 0}, {"otsu", cv::THRESH_OTSU}, {"triangle", cv::THRESH_TRIANGLE}};

void check_histogram(const cv::Mat &pixels, int method) {
    const bool shades =
        pixels.depth() == CV_8U || (pixels.depth() == CV_16U && method == cv::THRESH_OTSU);
    if (pixels.channels() == 1 && shades) return;
    throw InvalidInput("inputs.image", method == cv::THRESH_OTSU
                                           ? "must be of one channel of uint8 or uint16 for otsu"
                                           : "must be of one channel of uint8 for triangle");
}

void run(edgemesh::Call &call) {
    const Source source = read(call);
    const edgemesh::Parameters &parameters = call.parameters();
    const int type = choose(parameters, "type", types, "binary");
    const int method = choose(parameters, "method", methods, "given");
    const auto thresh = parameters.find<double>("thresh");
    if (method != 0) {
        check_histogram(source.pixels, method);
    } else if (!thresh) {
        throw InvalidInput("parameters.thresh", "is required unless method finds it");
    }
    // OpenCV rounds both to int for images of integers.
    constexpr double most = 1e9;
    const double maxval = number(parameters, "maxval", 255.0, -most, most);
    const double given = number(parameters, "thresh", 0.0, -most, most);
    Target target(call, source.pixels.size(), source.pixels.depth(), source);
    double used = 0;
    with_opencv(call, [&] {
        used = cv::threshold(source.pixels, target.pixels, given, maxval, type | method);
    });
    target.finish();
    call.result({{"thresh", used}});
}

} // namespace

edgemesh::Algorithm threshold() {
    return algorithm("cpp.threshold",
                     "Pixels by whether they are above a threshold, given or found "
                     "in the histogram, as cv2.threshold; by OpenCV.")
        .parameter("thresh", Json{{"type", "number"}, {"description", "the threshold"}})
        .parameter("maxval", Json{{"type", "number"},
                                  {"default", 255},
                                  {"description", "what binary and binary_inv set"}})
        .parameter("type", choice_schema(types, "binary", "what becomes of a pixel"))
        .parameter("method", choice_schema(methods, "given",
                                           "otsu (uint8 or uint16) and triangle (uint8): the "
                                           "threshold is found"))
        .output(edgemesh::TensorSpec("y")
                    .of<std::uint8_t, std::uint16_t, float, std::byte>()
                    .any_rank()
                    .about("of the image's type and shape"))
        .result(Json{{"type", "object"},
                     {"properties",
                      {{"thresh", {{"type", "number"}, {"description", "the one that was used"}}}}},
                     {"required", {"thresh"}}})
        .run(run);
}

} // namespace image
