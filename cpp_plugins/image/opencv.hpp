// OpenCV in a process that calls share. It has one number of threads for the process: calls that
// want another wait until those that run have ended. What it throws becomes InvalidInput or
// Failure, and it prints nothing.
#pragma once

#include <utility>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

class OpenCv {
  public:
    explicit OpenCv(unsigned threads);
    ~OpenCv();
    OpenCv(const OpenCv &) = delete;
    OpenCv &operator=(const OpenCv &) = delete;
};

// What OpenCV said, as this project says it.
[[noreturn]] void rethrow(const cv::Exception &error);

// Runs work, which calls OpenCV.
template <class Work> void with_opencv(const edgemesh::Call &call, Work &&work) {
    const OpenCv opencv(call.threads());
    try {
        std::forward<Work>(work)();
    } catch (const cv::Exception &error) {
        rethrow(error);
    }
}

} // namespace image
