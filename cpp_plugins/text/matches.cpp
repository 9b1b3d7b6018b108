#include "matches.hpp"

#include <algorithm>
#include <limits>

#include "strings.hpp"

namespace text {

Matches::Matches(const re2::RE2 &pattern, std::string_view text, re2::RE2::Anchor anchor,
                 std::size_t most)
    : pattern_(pattern), text_(text.data() == nullptr ? std::string_view{""} : text),
      anchor_(anchor), left_(most == 0 ? std::numeric_limits<std::size_t>::max() : most),
      groups_(static_cast<std::size_t>(pattern.NumberOfCapturingGroups()) + 1) {}

bool Matches::next(std::int64_t *spans) {
    if (left_ == 0 || from_ > text_.size()) return false;
    const re2::StringPiece whole(text_.data(), text_.size());
    if (!pattern_.Match(whole, from_, text_.size(), anchor_, groups_.data(),
                        static_cast<int>(groups_.size()))) {
        from_ = text_.size() + 1;
        return false;
    }
    --left_;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
        const re2::StringPiece &group = groups_[i];
        const bool none = group.data() == nullptr;
        spans[2 * i] = none ? -1 : group.data() - text_.data();
        spans[2 * i + 1] = none ? -1 : spans[2 * i] + static_cast<std::int64_t>(group.size());
    }
    const auto end = static_cast<std::size_t>(spans[1]);
    from_ = end;
    if (spans[0] == spans[1]) {
        from_ += end < text_.size() ? code_point_length(text_, end) : 1;
    }
    return true;
}

void to_code_points(std::string_view text, Spans &spans) {
    const bool plain = std::all_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (plain) return;
    std::vector<std::int64_t> before(text.size() + 1); // code points before each byte
    for (std::size_t i = 0; i < text.size(); ++i) {
        before[i + 1] =
            before[i] + ((static_cast<unsigned char>(text[i]) & 0xc0U) != 0x80U ? 1 : 0);
    }
    for (std::int64_t &place : spans) {
        if (place >= 0) place = before[static_cast<std::size_t>(place)];
    }
}

} // namespace text
