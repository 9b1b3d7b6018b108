// cpp.resize: cv2.resize.
#include <cmath>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <opencv2/imgproc.hpp>

#include "algorithms.hpp"
#include "halve.hpp"
#include "opencv.hpp"
#include "options.hpp"
#include "pixels.hpp"

namespace image {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

const Choices interpolations = {
    {"nearest", cv::INTER_NEAREST},
    {"linear", cv::INTER_LINEAR},
    {"linear_exact", cv::INTER_LINEAR_EXACT},
    {"cubic", cv::INTER_CUBIC},
    {"area", cv::INTER_AREA},
    {"lanczos4", cv::INTER_LANCZOS4},
};

// The new size by fx and fy, as OpenCV rounds it: half to even.
int scaled(int length, double factor, const char *field) {
    const double pixels = std::nearbyint(length * factor);
    if (pixels >= 1 && pixels <= static_cast<double>(most_pixels)) return static_cast<int>(pixels);
    throw InvalidInput(field, "must give from 1 to 2^30 pixels of " + std::to_string(length));
}

struct Size {
    cv::Size pixels;
    double fx = 0, fy = 0; // 0: as the size says
    const char *field;
};

Size new_size(const edgemesh::Parameters &parameters, cv::Size old) {
    const auto dsize = parameters.find<std::vector<int>>("dsize");
    const bool factors = parameters.has("fx") || parameters.has("fy");
    if (dsize) {
        if (factors) throw InvalidInput("parameters.fx", "must not be given beside dsize");
        if (dsize->size() != 2 || (*dsize)[0] < 1 || (*dsize)[1] < 1) {
            throw InvalidInput("parameters.dsize", "must be [width, height], both at least 1");
        }
        return {{(*dsize)[0], (*dsize)[1]}, 0, 0, "parameters.dsize"};
    }
    if (!factors) throw InvalidInput("parameters.dsize", "or fx and fy are required");
    const auto fx = parameters.get<double>("fx"), fy = parameters.get<double>("fy");
    return {{scaled(old.width, fx, "parameters.fx"), scaled(old.height, fy, "parameters.fy")},
            fx,
            fy,
            "parameters.fx"};
}

void run(edgemesh::Call &call) {
    const Source source = read(call);
    const int interpolation = choose(call.parameters(), "interpolation", interpolations, "linear");
    if (interpolation == cv::INTER_LINEAR_EXACT && source.pixels.depth() == CV_32F) {
        throw InvalidInput("parameters.interpolation",
                           "must not be linear_exact for float32: it is for integers");
    }
    const Size size = new_size(call.parameters(), source.pixels.size());
    Target target(call, size.pixels, source.pixels.depth(), source, size.field);
    const bool means = interpolation == cv::INTER_LINEAR || interpolation == cv::INTER_AREA;
    if (means && can_halve(source.pixels, target.pixels)) {
        halve(call, source.pixels, target.pixels);
        target.finish();
        return;
    }
    with_opencv(call, [&] {
        // A size that is given beside factors is theirs; OpenCV takes one or the other.
        cv::resize(source.pixels, target.pixels, size.fx > 0 ? cv::Size() : size.pixels, size.fx,
                   size.fy, interpolation);
    });
    target.finish();
}

} // namespace

edgemesh::Algorithm resize() {
    return algorithm(
               "cpp.resize",
               "An image of another size, as cv2.resize; by OpenCV, and Highway for half the size.")
        .parameter("dsize", Json{{"type", "array"},
                                 {"items", {{"type", "integer"}, {"minimum", 1}}},
                                 {"minItems", 2},
                                 {"maxItems", 2},
                                 {"description", "[width, height]; or give fx and fy"}})
        .parameter("fx", Json{{"type", "number"},
                              {"exclusiveMinimum", 0},
                              {"description", "the width's factor"}})
        .parameter("fy", Json{{"type", "number"},
                              {"exclusiveMinimum", 0},
                              {"description", "the height's factor"}})
        .parameter("interpolation",
                   choice_schema(interpolations, "linear", "how pixels are made up"))
        .output(edgemesh::TensorSpec("y")
                    .of<std::uint8_t, std::uint16_t, float, std::byte>()
                    .any_rank()
                    .about("of the image's type and channels"))
        .run(run);
}

} // namespace image
