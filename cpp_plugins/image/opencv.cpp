#include "opencv.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace image {
namespace {

struct State {
    std::mutex mutex;
    std::condition_variable idle;
    unsigned running = 0;
    int threads = 0; // as OpenCV was told; 0: nothing yet
};

State &state() {
    static State &one = *new State; // outlives calls that run as the process ends
    return one;
}

int quiet(int, const char *, const char *, const char *, int, void *) { return 0; }

} // namespace

OpenCv::OpenCv(unsigned threads) {
    State &shared = state();
    const int wanted = static_cast<int>(std::min(threads, 1024U));
    std::unique_lock<std::mutex> lock(shared.mutex);
    shared.idle.wait(lock, [&] { return shared.running == 0 || shared.threads == wanted; });
    if (shared.threads == 0) cv::redirectError(quiet);
    if (shared.threads != wanted) cv::setNumThreads(wanted);
    shared.threads = wanted;
    ++shared.running;
}

OpenCv::~OpenCv() {
    State &shared = state();
    const std::lock_guard<std::mutex> lock(shared.mutex);
    if (--shared.running == 0) shared.idle.notify_all();
}

void rethrow(const cv::Exception &error) {
    switch (error.code) {
    case cv::Error::StsNoMem: throw edgemesh::Failure("OutOfMemory", "there is not enough memory");
    case cv::Error::StsBadArg:
    case cv::Error::StsBadSize:
    case cv::Error::StsOutOfRange:
    case cv::Error::StsUnsupportedFormat:
    case cv::Error::StsUnmatchedSizes:
        throw edgemesh::InvalidInput("parameters", "OpenCV does not take them: " + error.err);
    default: throw edgemesh::Failure("OpenCVError", error.err);
    }
}

} // namespace image
