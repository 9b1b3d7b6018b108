#include "levenshtein.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace text {
namespace {

// Steps between two looks at whether the caller is still there.
constexpr std::size_t patience = std::size_t{1} << 20;

} // namespace

std::int64_t most_distance(std::size_t from, std::size_t to, const Weights &weights) {
    const auto a = static_cast<std::int64_t>(from), b = static_cast<std::int64_t>(to);
    const std::int64_t anew = a * weights.deletion + b * weights.insertion;
    const std::int64_t changed = a >= b ? b * weights.substitution + (a - b) * weights.deletion
                                        : a * weights.substitution + (b - a) * weights.insertion;
    return std::min(anew, changed);
}

std::size_t Levenshtein::Places::slot(char32_t character) const {
    std::size_t at = character % others_.size();
    while (others_[at].places != 0 && others_[at].character != character) {
        at = (at + 1) % others_.size();
    }
    return at;
}

void Levenshtein::Places::add(char32_t character, std::uint64_t place) {
    if (character < common) {
        few_[character] |= place;
        return;
    }
    if (others_.empty()) others_.resize(128);
    Other &other = others_[slot(character)];
    other.character = character;
    other.places |= place;
}

Levenshtein::Levenshtein(std::u32string from, const Weights &weights)
    : from_(std::move(from)), weights_(weights) {
    if (!weights.uniform()) return;
    blocks_.resize((from_.size() + 63) / 64);
    for (std::size_t i = 0; i < from_.size(); ++i) {
        blocks_[i / 64].add(from_[i], std::uint64_t{1} << (i % 64));
    }
}

std::int64_t Levenshtein::distance(const edgemesh::Call &call, const std::u32string &to,
                                   std::int64_t cutoff) const {
    if (!weights_.uniform()) return weighted(call, to);
    if (weights_.insertion == 0) return 0;
    const std::int64_t edits = uniform(call, to, cutoff / weights_.insertion);
    return edits * weights_.insertion;
}

std::int64_t Levenshtein::uniform(const edgemesh::Call &call, const std::u32string &to,
                                  std::int64_t cutoff) const {
    const auto a = static_cast<std::int64_t>(from_.size()),
               b = static_cast<std::int64_t>(to.size());
    if (std::abs(a - b) > cutoff) return cutoff + 1;
    if (a == 0) return b;
    // Of each column, where the value grows and falls from one row to the next.
    struct Vertical {
        std::uint64_t grows = ~std::uint64_t{0}, falls = 0;
    };
    std::vector<Vertical> column(blocks_.size());
    const std::uint64_t last = std::uint64_t{1} << ((from_.size() - 1) % 64);
    std::int64_t distance = a, left = b;
    std::size_t steps = 0;
    for (const char32_t character : to) {
        std::uint64_t grows_in = 1, falls_in = 0; // the row above all: one more each time
        std::uint64_t grows = 0, falls = 0;
        for (std::size_t i = 0; i < blocks_.size(); ++i) {
            Vertical &vertical = column[i];
            const std::uint64_t same = blocks_[i][character] | falls_in;
            const std::uint64_t diagonal =
                (((same & vertical.grows) + vertical.grows) ^ vertical.grows) | same |
                vertical.falls;
            grows = vertical.falls | ~(diagonal | vertical.grows);
            falls = diagonal & vertical.grows;
            const std::uint64_t down_grows = (grows << 1) | grows_in;
            const std::uint64_t down_falls = (falls << 1) | falls_in;
            grows_in = grows >> 63;
            falls_in = falls >> 63;
            vertical.grows = down_falls | ~(diagonal | down_grows);
            vertical.falls = down_grows & diagonal;
        }
        distance += (grows & last) != 0 ? 1 : 0;
        distance -= (falls & last) != 0 ? 1 : 0;
        if (distance - --left > cutoff) return cutoff + 1; // even if it falls from now on
        steps += blocks_.size();
        if (steps > patience) {
            call.check_cancelled();
            steps = 0;
        }
    }
    return distance;
}

std::int64_t Levenshtein::weighted(const edgemesh::Call &call, const std::u32string &to) const {
    std::vector<std::int64_t> row(from_.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = static_cast<std::int64_t>(i) * weights_.deletion;
    }
    std::size_t steps = 0;
    for (const char32_t character : to) {
        std::int64_t diagonal = row[0];
        row[0] += weights_.insertion;
        for (std::size_t i = 0; i < from_.size(); ++i) {
            const std::int64_t above = row[i + 1];
            row[i + 1] = from_[i] == character
                             ? diagonal
                             : std::min({row[i] + weights_.deletion, above + weights_.insertion,
                                         diagonal + weights_.substitution});
            diagonal = above;
        }
        steps += from_.size();
        if (steps > patience) {
            call.check_cancelled();
            steps = 0;
        }
    }
    return row.back();
}

} // namespace text
