// Images of half the size, each pixel the mean of four: what OpenCV's linear and area interpolation
// give for exactly half, bit by bit. By Highway, with the widest vectors that the processor has:
// memory is the only limit then.
#pragma once

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

// Whether halve() makes `to` of `from`: bytes, exactly half, and one, three or four channels (of
// two OpenCV rounds otherwise).
bool can_halve(const cv::Mat &from, const cv::Mat &to);

// On the call's threads.
void halve(const edgemesh::Call &call, const cv::Mat &from, cv::Mat &to);

} // namespace image
