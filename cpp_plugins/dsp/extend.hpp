// A line continued past its ends, as scipy.signal pads it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <edgemesh_plugin.hpp>

namespace dsp {

enum class Extension { none, zeros, constant, even, odd };

inline Extension extension_of(const std::string &word) {
    if (word == "zeros") return Extension::zeros;
    if (word == "constant") return Extension::constant;
    if (word == "even") return Extension::even;
    return word == "odd" ? Extension::odd : Extension::none;
}

// to: count elements before the line, the line, and count after it. even and odd need a line that
// is longer than count.
template <class T>
void extend(Extension extension, const T *line, std::size_t length, std::size_t count, T *to) {
    std::copy_n(line, length, to + count);
    const T first = line[0], last = line[length - 1];
    for (std::size_t i = 1; i <= count; ++i) { // i: the distance from the end
        T before{}, after{};
        if (extension == Extension::constant) {
            before = first;
            after = last;
        } else if (extension == Extension::even) {
            before = line[i];
            after = line[length - 1 - i];
        } else if (extension == Extension::odd) {
            before = first + first - line[i];
            after = last + last - line[length - 1 - i];
        }
        to[count - i] = before;
        to[count + length - 1 + i] = after;
    }
}

} // namespace dsp
