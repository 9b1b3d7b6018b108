// The generators, seeded as numpy.random seeds them, and the numbers that all distributions are
// made of: Bits<Pcg64> and Bits<Philox>.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "seed_sequence.hpp"

namespace random_numbers {

__extension__ typedef unsigned __int128 uint128;

// PCG XSL RR 128/64 (O'Neill 2014): numpy.random.PCG64.
class Pcg64 {
  public:
    explicit Pcg64(const SeedSequence &seed) {
        const auto words = seed.generate(4);
        increment_ = (join(words[2], words[3]) << 1U) | 1U;
        state_ = increment_ + join(words[0], words[1]); // one step from 0, and then the seed
        step();
    }
    std::uint64_t operator()() {
        step();
        const auto high = static_cast<std::uint64_t>(state_ >> 64U);
        const std::uint64_t mixed = high ^ static_cast<std::uint64_t>(state_);
        const auto turn = static_cast<unsigned>(high >> 58U);
        return (mixed >> turn) | (mixed << (-turn & 63U));
    }

  private:
    static uint128 join(std::uint64_t high, std::uint64_t low) {
        return uint128{high} << 64U | low;
    }
    void step() { state_ = state_ * join(0x2360ed051fc65da4, 0x4385df649fccf645) + increment_; }

    uint128 state_ = 0, increment_ = 0;
};

// Philox 4x64-10 (Salmon and others 2011): numpy.random.Philox.
class Philox {
  public:
    explicit Philox(const SeedSequence &seed) {
        const auto words = seed.generate(2);
        key_ = {words[0], words[1]};
    }
    std::uint64_t operator()() {
        if (next_ == block_.size()) {
            for (std::uint64_t &word : counter_) { // the counter is one number of 256 bits
                if (++word != 0) break;
            }
            fill();
            next_ = 0;
        }
        return block_[next_++];
    }

  private:
    void fill() {
        block_ = counter_;
        auto [first, second] = key_;
        for (int round = 0; round < 10; ++round) {
            const uint128 a = uint128{0xd2e7470ee14c6c93} * block_[0];
            const uint128 b = uint128{0xca5a826395121157} * block_[2];
            block_ = {static_cast<std::uint64_t>(b >> 64U) ^ block_[1] ^ first,
                      static_cast<std::uint64_t>(b),
                      static_cast<std::uint64_t>(a >> 64U) ^ block_[3] ^ second,
                      static_cast<std::uint64_t>(a)};
            first += 0x9e3779b97f4a7c15;
            second += 0xbb67ae8584caa73b;
        }
    }

    std::array<std::uint64_t, 4> counter_{}, block_{};
    std::array<std::uint64_t, 2> key_{};
    std::size_t next_ = 4;
};

template <class Generator> class Bits {
  public:
    explicit Bits(const SeedSequence &seed) : generator_(seed) {}

    std::uint64_t next64() { return generator_(); }
    // Halves of 64 bits, the lower one first.
    std::uint32_t next32() {
        if (has_half_) {
            has_half_ = false;
            return half_;
        }
        const std::uint64_t both = generator_();
        has_half_ = true;
        half_ = static_cast<std::uint32_t>(both >> 32U);
        return static_cast<std::uint32_t>(both);
    }
    // In [0, 1).
    template <class Real> Real next();

  private:
    Generator generator_;
    std::uint32_t half_ = 0;
    bool has_half_ = false;
};
template <class Generator> template <class Real> inline Real Bits<Generator>::next() {
    if constexpr (sizeof(Real) == 4) {
        return static_cast<Real>(next32() >> 8U) * 0x1p-24F;
    } else {
        return static_cast<Real>(next64() >> 11U) * 0x1p-53;
    }
}

} // namespace random_numbers
