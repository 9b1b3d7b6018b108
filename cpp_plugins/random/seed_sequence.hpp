// numpy.random.SeedSequence: a seed of any length mixed into 128 bits, and words made from these.
// (O'Neill's seed_seq_fe; uint32 arithmetic, which wraps.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace random_numbers {

class SeedSequence {
  public:
    // entropy: 32-bit words, least significant first, as SeedSequence(seed) splits its integers.
    explicit SeedSequence(const std::vector<std::uint32_t> &entropy);

    // generate_state(words, uint64)
    std::vector<std::uint64_t> generate(std::size_t words) const;

  private:
    std::array<std::uint32_t, 4> pool_{};
};

// The words of one integer: at least one.
void append_words(std::uint64_t integer, std::vector<std::uint32_t> &words);

} // namespace random_numbers
