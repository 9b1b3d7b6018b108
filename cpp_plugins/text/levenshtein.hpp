// Edit distances of one string to others, by code points.
//
// Where all edits cost the same: Myers' bit-parallel algorithm (1999) as Hyyroe put it for strings
// of any length (2003), 64 rows of the table at a time. Otherwise the table itself, row by row
// (Wagner and Fischer, 1974).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace text {

// What it costs to insert, delete and substitute a character on the way from one to the other.
struct Weights {
    std::int64_t insertion = 1, deletion = 1, substitution = 1;
    bool uniform() const { return insertion == deletion && insertion == substitution; }
};

// The largest distance of strings of such lengths.
std::int64_t most_distance(std::size_t from, std::size_t to, const Weights &weights);

class Levenshtein {
  public:
    Levenshtein(std::u32string from, const Weights &weights);

    // The distance to `to`; if it is more than `cutoff`, something that is more than it.
    std::int64_t distance(const edgemesh::Call &call, const std::u32string &to,
                          std::int64_t cutoff) const;

  private:
    std::int64_t uniform(const edgemesh::Call &call, const std::u32string &to,
                         std::int64_t cutoff) const;
    std::int64_t weighted(const edgemesh::Call &call, const std::u32string &to) const;

    // Where in 64 characters of `from` a character stands.
    class Places {
      public:
        void add(char32_t character, std::uint64_t place);
        std::uint64_t operator[](char32_t character) const {
            if (character < common) return few_[character];
            return others_.empty() ? 0 : others_[slot(character)].places;
        }

      private:
        static constexpr char32_t common = 256;
        struct Other {
            char32_t character;
            std::uint64_t places; // 0: free
        };
        std::size_t slot(char32_t character) const;
        std::uint64_t few_[common] = {};
        std::vector<Other> others_; // a hash table: twice as many slots as it can hold characters
    };

    std::u32string from_;
    Weights weights_;
    std::vector<Places> blocks_;
};

} // namespace text
