// Sums that the compiler may vectorise, and that lose less than adding up one by one.
#pragma once

#include <cmath>
#include <complex>
#include <cstddef>
#include <type_traits>

namespace dsp {

template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, std::complex<double>>;

// The sum of function(i) for i below count.
template <class Result, class Function> Result sum(std::size_t count, Function &&function) {
    constexpr std::size_t lanes = 8;
    Result parts[lanes] = {};
    std::size_t i = 0;
    for (; i + lanes <= count; i += lanes) {
        for (std::size_t lane = 0; lane < lanes; ++lane) parts[lane] += function(i + lane);
    }
    Result total{};
    for (; i < count; ++i) total += function(i);
    for (const Result &part : parts) total += part;
    return total;
}

} // namespace dsp
