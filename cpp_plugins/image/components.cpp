// cpp.connected_components: cv2.connectedComponentsWithStats.
#include <edgemesh_plugin.hpp>
#include <opencv2/imgproc.hpp>

#include "algorithms.hpp"
#include "opencv.hpp"
#include "pixels.hpp"

namespace image {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::TensorSpec;

void run(edgemesh::Call &call) {
    const Source source = read(call);
    const auto connectivity = call.parameters().get<int>("connectivity", 8);
    if (connectivity != 4 && connectivity != 8) {
        throw InvalidInput("parameters.connectivity", "must be 4 or 8");
    }
    if (source.pixels.type() != CV_8UC1) {
        throw InvalidInput("inputs.image", "must be of one channel of uint8");
    }
    const cv::Mat labels = output(call, "labels", {source.pixels.rows, source.pixels.cols}, CV_32S);
    cv::Mat filled = labels, stats, centroids;
    int count = 0;
    with_opencv(call, [&] {
        count = cv::connectedComponentsWithStats(source.pixels, filled, stats, centroids,
                                                 connectivity, CV_32S);
        if (filled.data != labels.data) filled.copyTo(labels);
        cv::Mat y = output(call, "stats", {count, stats.cols}, CV_32S);
        stats.copyTo(y);
        y = output(call, "centroids", {count, 2}, CV_64F);
        centroids.copyTo(y);
    });
    call.result({{"count", count}});
}

} // namespace

edgemesh::Algorithm connected_components() {
    return with_reading(edgemesh::Algorithm("cpp.connected_components", "1")
                            .about("The connected parts of a binary image, as "
                                   "cv2.connectedComponentsWithStats; by OpenCV. Label 0 is the "
                                   "background; the others follow no stated order."))
        .parameter(
            "connectivity",
            Json{{"enum", {4, 8}}, {"default", 8}, {"description", "neighbours that a pixel has"}})
        .input(TensorSpec("image").of<std::uint8_t, std::byte>().any_rank().about(
            "[h, w], not 0 where something is; or the bytes of a PNG or JPEG file"))
        .output(TensorSpec("labels").of<std::int32_t>().shape({-1, -1}))
        .output(TensorSpec("stats").of<std::int32_t>().shape({-1, 5}).about(
            "of each label: left, top, width, height, area"))
        .output(TensorSpec("centroids").of<double>().shape({-1, 2}).about("of each label: x, y"))
        .result(Json{
            {"type", "object"},
            {"properties",
             {{"count", {{"type", "integer"}, {"description", "labels, the background's too"}}}}},
            {"required", {"count"}}})
        .run(run);
}

} // namespace image
