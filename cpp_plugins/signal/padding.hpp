// What a line is past its ends, for cpp.resample_poly: the modes of scipy.signal.upfirdn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace signals {

enum class Padding {
    constant,
    edge,
    wrap,
    symmetric,
    reflect,
    smooth,
    line,
    antisymmetric,
    antireflect
};

// The element `index` of a line of `length`, where index is below 0 or at least length.
template <class T>
T beyond(Padding padding, T constant, const T *x, std::int64_t length, std::int64_t index) {
    const bool left = index < 0;
    const std::int64_t distance = left ? -index : index - (length - 1); // from the end, at least 1
    // The line as it is seen from that end.
    const auto at = [&](std::int64_t i) { return x[left ? i : length - 1 - i]; };
    const auto span = static_cast<decltype(std::abs(T{}))>(length - 1);
    const auto steps = static_cast<decltype(std::abs(T{}))>(distance);
    const std::int64_t turn = (distance - 1) % (2 * length);
    const bool mirrored = turn < length;
    switch (padding) {
    case Padding::constant: return constant;
    case Padding::edge: return at(0);
    case Padding::wrap: return at(length - 1 - (distance - 1) % length);
    case Padding::symmetric: return mirrored ? at(turn) : at(2 * length - 1 - turn);
    case Padding::antisymmetric: return mirrored ? -at(turn) : at(2 * length - 1 - turn);
    default: break;
    }
    if (length == 1) return at(0);
    if (padding == Padding::smooth) return at(0) + steps * (at(0) - at(1));
    if (padding == Padding::line) return at(0) + steps * ((at(0) - at(length - 1)) / span);
    const std::int64_t place = (distance - 1) % (2 * (length - 1)); // one before the reflection
    const bool there = place < length - 1;
    const T image = there ? at(place + 1) : at(2 * (length - 1) - 1 - place);
    if (padding == Padding::reflect) return image;
    // antireflect: turned about the end, and about the ends of its own images
    const std::int64_t whole = (distance - 1) / (length - 1);
    const auto turns = static_cast<decltype(std::abs(T{}))>(whole);
    const T end = at(0) + (at(0) - at(length - 1)) * turns;
    return there ? end - (image - at(0)) : end - (at(length - 1) - image);
}

} // namespace signals
