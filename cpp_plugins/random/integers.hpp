// Integers from 0 to `most`, all as likely, by Lemire's method (2019): one product, rarely more.
// Ranges of 32 bits take 32 bits of the generator, as numpy.random.Generator.integers.
#pragma once

#include <cstdint>
#include <limits>

#include "generators.hpp"

namespace random_numbers {

class Integers {
  public:
    explicit Integers(std::uint64_t most) : most_(most) {}

    template <class Generator> std::uint64_t operator()(Bits<Generator> &bits) const {
        if (most_ == 0) return 0;
        if (most_ < max32) {
            return lemire<std::uint64_t, 32>(max32, [&] { return bits.next32(); });
        }
        if (most_ == max32) return bits.next32();
        if (most_ == max64) return bits.next64();
        return lemire<uint128, 64>(max64, [&] { return bits.next64(); });
    }

  private:
    // Wide: twice as wide as what draw() gives, which goes up to `greatest`.
    template <class Wide, unsigned half, class Draw>
    std::uint64_t lemire(std::uint64_t greatest, Draw &&draw) const {
        const Wide count = Wide{most_} + 1;
        Wide product = draw() * count;
        std::uint64_t lower = static_cast<std::uint64_t>(product) & greatest;
        if (lower < count) { // rare: some that lie so low are one too many
            const std::uint64_t threshold = (greatest - most_) % static_cast<std::uint64_t>(count);
            while (lower < threshold) {
                product = draw() * count;
                lower = static_cast<std::uint64_t>(product) & greatest;
            }
        }
        return static_cast<std::uint64_t>(product >> half);
    }
    static constexpr std::uint64_t max32 = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint64_t max64 = std::numeric_limits<std::uint64_t>::max();

    std::uint64_t most_;
};

// An integer from 0 to `most`, by drawing as many bits as it has until they are no more than that:
// what NumPy shuffles with.
template <class Generator>
std::uint64_t integer_by_mask(Bits<Generator> &bits, std::uint64_t most) {
    std::uint64_t mask = most;
    for (const unsigned by : {1U, 2U, 4U, 8U, 16U, 32U}) mask |= mask >> by;
    if (mask == 0) return 0;
    const bool narrow = mask <= std::numeric_limits<std::uint32_t>::max();
    for (;;) {
        const std::uint64_t drawn = (narrow ? bits.next32() : bits.next64()) & mask;
        if (drawn <= most) return drawn;
    }
}

} // namespace random_numbers
