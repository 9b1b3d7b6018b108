// Matches of a regular expression in one string, one after the other, as Python's re.finditer goes
// on: an empty match may follow one that is not, and after it the next begins a character later.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <re2/re2.h>

namespace text {

// Of every group, the whole match first: begin and end in bytes; -1: it took no part.
using Spans = std::vector<std::int64_t>;

class Matches {
  public:
    // most: stop after so many; 0: never.
    Matches(const re2::RE2 &pattern, std::string_view text, re2::RE2::Anchor anchor,
            std::size_t most = 0);

    // The next one into spans, which must have room for all groups; false: there is none.
    bool next(std::int64_t *spans);

  private:
    const re2::RE2 &pattern_;
    std::string_view text_;
    re2::RE2::Anchor anchor_;
    std::size_t left_, from_ = 0;
    std::vector<re2::StringPiece> groups_;
};

// From bytes to code points, of all that follow each other in one string.
void to_code_points(std::string_view text, Spans &spans);

} // namespace text
