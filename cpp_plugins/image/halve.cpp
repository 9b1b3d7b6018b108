#include "halve.hpp"

#include <cstddef>
#include <cstdint>

#include "../parallel/parallel.hpp"

// Highway compiles what follows once for each kind of processor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "halve.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway wants it.
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace image {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR

// The loop that takes what is left of a row takes all of it.
template <int channels>
std::size_t row(const std::uint8_t *, const std::uint8_t *, std::uint8_t *, std::size_t) {
    return 0;
}

#else

namespace hn = hwy::HWY_NAMESPACE;
using Bytes = hn::ScalableTag<std::uint8_t>;
using Words = hn::Repartition<std::uint16_t, Bytes>;
using Vector = hn::Vec<Bytes>;

// Of neighbours: a + b, c + d, ...
HWY_INLINE hn::Vec<Words> pairs(Vector row) {
    const auto words = hn::BitCast(Words(), row);
    return hn::Add(hn::And(words, hn::Set(Words(), 0xff)), hn::ShiftRight<8>(words));
}

HWY_INLINE hn::Vec<Words> means(Vector above, Vector below) {
    const auto sums = hn::Add(pairs(above), pairs(below));
    return hn::ShiftRight<2>(hn::Add(sums, hn::Set(Words(), 2)));
}

// As many means as a vector has bytes, from two vectors of each row.
HWY_INLINE Vector means(Vector above, Vector above2, Vector below, Vector below2) {
    return hn::ConcatEven(Bytes(), hn::BitCast(Bytes(), means(above2, below2)),
                          hn::BitCast(Bytes(), means(above, below)));
}

// `pixels` of the result, as many as whole vectors hold; gives how many.
template <int channels>
std::size_t row(const std::uint8_t *above, const std::uint8_t *below, std::uint8_t *to,
                std::size_t pixels) {
    const Bytes d;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t done = 0;
    for (; done + lanes <= pixels; done += lanes) {
        const std::uint8_t *const a = above + 2 * done * channels;
        const std::uint8_t *const b = below + 2 * done * channels;
        const std::size_t next = lanes * channels;
        std::uint8_t *const out = to + done * channels;
        Vector a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3, e0, e1, e2, e3;
        if constexpr (channels == 1) {
            a0 = hn::LoadU(d, a), c0 = hn::LoadU(d, a + next);
            b0 = hn::LoadU(d, b), e0 = hn::LoadU(d, b + next);
            hn::StoreU(means(a0, c0, b0, e0), d, out);
        } else if constexpr (channels == 3) {
            hn::LoadInterleaved3(d, a, a0, a1, a2), hn::LoadInterleaved3(d, a + next, c0, c1, c2);
            hn::LoadInterleaved3(d, b, b0, b1, b2), hn::LoadInterleaved3(d, b + next, e0, e1, e2);
            hn::StoreInterleaved3(means(a0, c0, b0, e0), means(a1, c1, b1, e1),
                                  means(a2, c2, b2, e2), d, out);
        } else {
            hn::LoadInterleaved4(d, a, a0, a1, a2, a3);
            hn::LoadInterleaved4(d, a + next, c0, c1, c2, c3);
            hn::LoadInterleaved4(d, b, b0, b1, b2, b3);
            hn::LoadInterleaved4(d, b + next, e0, e1, e2, e3);
            hn::StoreInterleaved4(means(a0, c0, b0, e0), means(a1, c1, b1, e1),
                                  means(a2, c2, b2, e2), means(a3, c3, b3, e3), d, out);
        }
    }
    return done;
}

#endif

std::size_t row1(const std::uint8_t *above, const std::uint8_t *below, std::uint8_t *to,
                 std::size_t pixels) {
    return row<1>(above, below, to, pixels);
}
std::size_t row3(const std::uint8_t *above, const std::uint8_t *below, std::uint8_t *to,
                 std::size_t pixels) {
    return row<3>(above, below, to, pixels);
}
std::size_t row4(const std::uint8_t *above, const std::uint8_t *below, std::uint8_t *to,
                 std::size_t pixels) {
    return row<4>(above, below, to, pixels);
}

} // namespace HWY_NAMESPACE
} // namespace image
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace image {
namespace {

HWY_EXPORT(row1);
HWY_EXPORT(row3);
HWY_EXPORT(row4);

std::size_t whole_vectors(int channels, const std::uint8_t *above, const std::uint8_t *below,
                          std::uint8_t *to, std::size_t pixels) {
    switch (channels) {
    case 1: return HWY_DYNAMIC_DISPATCH(row1)(above, below, to, pixels);
    case 3: return HWY_DYNAMIC_DISPATCH(row3)(above, below, to, pixels);
    default: return HWY_DYNAMIC_DISPATCH(row4)(above, below, to, pixels);
    }
}

} // namespace

bool can_halve(const cv::Mat &from, const cv::Mat &to) {
    const int channels = from.channels();
    return from.depth() == CV_8U && (channels == 1 || channels == 3 || channels == 4) &&
           from.cols == 2 * to.cols && from.rows == 2 * to.rows;
}

void halve(const edgemesh::Call &call, const cv::Mat &from, cv::Mat &to) {
    const auto pixels = static_cast<std::size_t>(to.cols);
    const auto channels = static_cast<std::size_t>(from.channels());
    constexpr std::size_t rows = 64; // that one thread takes at a time
    parallel::over(call, static_cast<std::size_t>(to.rows), rows, [&](auto begin, auto end) {
        for (std::size_t y = begin; y < end; ++y) {
            const auto *const above = from.ptr<std::uint8_t>(static_cast<int>(2 * y));
            const auto *const below = from.ptr<std::uint8_t>(static_cast<int>(2 * y + 1));
            auto *const out = to.ptr<std::uint8_t>(static_cast<int>(y));
            std::size_t x = whole_vectors(from.channels(), above, below, out, pixels);
            for (x *= channels; x < pixels * channels; ++x) {
                const std::size_t at = x / channels * 2 * channels + x % channels;
                const unsigned sum =
                    above[at] + above[at + channels] + 0U + below[at] + below[at + channels];
                out[x] = static_cast<std::uint8_t>((sum + 2) >> 2);
            }
        }
    });
}

} // namespace image
#endif
