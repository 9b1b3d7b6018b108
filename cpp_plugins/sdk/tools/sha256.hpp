// SHA-256 (FIPS 180-4) of a file, so that a plugin's build needs no cryptographic library.
// It tells a torn or exchanged file from the one that was described; it is no signature.
#ifndef EDGEMESH_TOOLS_SHA256_HPP
#define EDGEMESH_TOOLS_SHA256_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <istream>
#include <string>

namespace edgemesh::tools {

class Sha256 {
  public:
    void add(const unsigned char *bytes, std::size_t size) {
        length_ += size;
        while (size > 0) {
            const std::size_t take = size < block_.size() - held_ ? size : block_.size() - held_;
            std::memcpy(block_.data() + held_, bytes, take);
            held_ += take;
            bytes += take;
            size -= take;
            if (held_ == block_.size()) compress();
        }
    }

    // 64 hexadecimal digits, in lower case. Nothing may be added afterwards.
    std::string finish() {
        const std::uint64_t bits = length_ * 8;
        const unsigned char one = 0x80, zero = 0;
        add(&one, 1);
        while (held_ != block_.size() - 8) add(&zero, 1);
        std::array<unsigned char, 8> tail{};
        for (std::size_t i = 0; i < 8; ++i) {
            tail[i] = static_cast<unsigned char>(bits >> (56 - 8 * i));
        }
        add(tail.data(), tail.size());
        std::string text;
        for (const std::uint32_t word : state_) {
            for (int shift = 28; shift >= 0; shift -= 4) {
                text += "0123456789abcdef"[(word >> shift) & 0xFU];
            }
        }
        return text;
    }

  private:
    static std::uint32_t rotate(std::uint32_t x, unsigned by) { return x >> by | x << (32 - by); }

    void compress() {
        // The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
        static constexpr std::array<std::uint32_t, 64> k{
            0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
            0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
            0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
            0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
            0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
            0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
            0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
            0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
            0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
            0xc67178f2};
        std::array<std::uint32_t, 64> w{};
        for (std::size_t i = 0; i < 16; ++i) {
            for (std::size_t byte = 0; byte < 4; ++byte) w[i] = w[i] << 8 | block_[4 * i + byte];
        }
        for (std::size_t i = 16; i < 64; ++i) {
            const std::uint32_t a = w[i - 15], b = w[i - 2];
            w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
                   (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }
        auto [a, b, c, d, e, f, g, h] = state_;
        for (std::size_t i = 0; i < 64; ++i) {
            const std::uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) +
                                        ((e & f) ^ (~e & g)) + k[i] + w[i];
            const std::uint32_t second =
                (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + first;
            d = c, c = b, b = a, a = first + second;
        }
        const std::array<std::uint32_t, 8> step{a, b, c, d, e, f, g, h};
        for (std::size_t i = 0; i < 8; ++i) state_[i] += step[i];
        held_ = 0;
    }

    std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                        0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    std::array<unsigned char, 64> block_{};
    std::size_t held_ = 0; // bytes of block_ that are filled
    std::uint64_t length_ = 0;
};

inline std::string sha256(std::istream &stream) {
    Sha256 sum;
    std::array<char, 65536> part{};
    while (stream.read(part.data(), part.size()), stream.gcount() > 0) {
        sum.add(reinterpret_cast<const unsigned char *>(part.data()),
                static_cast<std::size_t>(stream.gcount()));
    }
    return sum.finish();
}

} // namespace edgemesh::tools

#endif
