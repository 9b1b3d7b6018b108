// Standard normal and exponential numbers by the ziggurat method (Marsaglia and Tsang 2000), bit by
// bit as numpy.random.Generator takes them from its generator.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "generators.hpp"

namespace random_numbers {

// A layer i: integers below inside[i] times width[i] lie under the curve whatever the height, and
// the curve at the layer's edge is height[i].
template <class Real> struct Layers {
    using Integer = std::conditional_t<sizeof(Real) == 4, std::uint32_t, std::uint64_t>;
    std::array<Integer, 256> inside;
    std::array<Real, 256> width;
    std::array<Real, 256> height;
};
template <class Real> const Layers<Real> &normal_layers();
template <class Real> const Layers<Real> &exponential_layers();

template <class Real, class Generator> Real standard_normal(Bits<Generator> &bits) {
    constexpr Real tail = static_cast<Real>(3.6541528853610087963519472518);
    constexpr Real one_over_tail = static_cast<Real>(0.27366123732975827203338247596);
    static const Layers<Real> &layers = normal_layers<Real>();
    for (;;) {
        std::size_t layer = 0;
        bool negative = false;
        typename Layers<Real>::Integer size = 0;
        if constexpr (sizeof(Real) == 4) {
            const std::uint32_t drawn = bits.next32();
            layer = drawn & 0xffU, negative = (drawn & 0x100U) != 0, size = drawn >> 9U;
        } else {
            const std::uint64_t drawn = bits.next64();
            layer = drawn & 0xffU, negative = (drawn & 0x100U) != 0;
            size = (drawn >> 9U) & 0x000fffffffffffffU;
        }
        const Real x = static_cast<Real>(size) * layers.width[layer];
        if (size < layers.inside[layer]) return negative ? -x : x;
        if (layer == 0) {
            for (;;) {
                const Real beyond = -one_over_tail * std::log1p(-bits.template next<Real>());
                const Real height = -std::log1p(-bits.template next<Real>());
                if (height + height > beyond * beyond) {
                    return (size >> 8U & 1U) != 0 ? -(tail + beyond) : tail + beyond;
                }
            }
        }
        const Real step = layers.height[layer - 1] - layers.height[layer];
        const Real height = step * bits.template next<Real>() + layers.height[layer];
        const auto wide = static_cast<double>(x);
        if (static_cast<double>(height) < std::exp(-0.5 * wide * wide)) return negative ? -x : x;
    }
}

template <class Real, class Generator> Real standard_exponential(Bits<Generator> &bits) {
    constexpr Real tail = static_cast<Real>(7.6971174701310497140446280481);
    static const Layers<Real> &layers = exponential_layers<Real>();
    for (;;) {
        typename Layers<Real>::Integer drawn = 0;
        if constexpr (sizeof(Real) == 4) {
            drawn = bits.next32() >> 1U;
        } else {
            drawn = bits.next64() >> 3U;
        }
        const std::size_t layer = drawn & 0xffU;
        drawn >>= 8U;
        const Real x = static_cast<Real>(drawn) * layers.width[layer];
        if (drawn < layers.inside[layer]) return x;
        if (layer == 0) return tail - std::log1p(-bits.template next<Real>());
        const Real step = layers.height[layer - 1] - layers.height[layer];
        if (step * bits.template next<Real>() + layers.height[layer] < std::exp(-x)) return x;
    }
}

} // namespace random_numbers
