#include "seed_sequence.hpp"

namespace random_numbers {
namespace {

constexpr std::uint32_t init_a = 0x43b0d7e5, mult_a = 0x931e8875;
constexpr std::uint32_t init_b = 0x8b51f9dd, mult_b = 0x58f38ded;
constexpr std::uint32_t mix_left = 0xca01f9dd, mix_right = 0x4973f715;
constexpr unsigned shift = 16;

class Hash {
  public:
    std::uint32_t operator()(std::uint32_t value) {
        value ^= constant_;
        constant_ *= mult_a;
        value *= constant_;
        return value ^ (value >> shift);
    }

  private:
    std::uint32_t constant_ = init_a;
};

std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
    const std::uint32_t mixed = mix_left * x - mix_right * y;
    return mixed ^ (mixed >> shift);
}

} // namespace

SeedSequence::SeedSequence(const std::vector<std::uint32_t> &entropy) {
    Hash hash;
    for (std::size_t i = 0; i < pool_.size(); ++i) {
        pool_[i] = hash(i < entropy.size() ? entropy[i] : 0);
    }
    for (std::size_t from = 0; from < pool_.size(); ++from) {
        for (std::size_t to = 0; to < pool_.size(); ++to) {
            if (from != to) pool_[to] = mix(pool_[to], hash(pool_[from]));
        }
    }
    for (std::size_t i = pool_.size(); i < entropy.size(); ++i) {
        for (std::uint32_t &word : pool_) word = mix(word, hash(entropy[i]));
    }
}

std::vector<std::uint64_t> SeedSequence::generate(std::size_t words) const {
    std::vector<std::uint64_t> state(words);
    std::uint32_t constant = init_b;
    for (std::size_t i = 0; i < 2 * words; ++i) {
        std::uint32_t value = pool_[i % pool_.size()] ^ constant;
        constant *= mult_b;
        value *= constant;
        value ^= value >> shift;
        state[i / 2] |= std::uint64_t{value} << (i % 2 * 32);
    }
    return state;
}

void append_words(std::uint64_t integer, std::vector<std::uint32_t> &words) {
    do {
        words.push_back(static_cast<std::uint32_t>(integer));
        integer >>= 32;
    } while (integer != 0);
}

} // namespace random_numbers
