// Many strings, given in one of two ways: as the parameter `strings`, a list; or as the inputs
// `data`, their bytes one after the other, and `offsets`, where each begins and the last ends (n +
// 1 numbers, as Arrow has them). The former is UTF-8 for sure, the latter is whatever came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace text {

class Strings {
  public:
    // InvalidInput: neither is given, or both, or the offsets do not fit the data.
    explicit Strings(const edgemesh::Call &call);

    std::size_t size() const { return views_.size(); }
    std::string_view operator[](std::size_t i) const { return views_[i]; }
    bool listed() const { return listed_; } // as the parameter
    // The field that holds string i.
    std::string field(std::size_t i) const;

  private:
    std::vector<std::string> owned_;
    std::vector<std::string_view> views_;
    bool listed_;
};

// Length in bytes of the code point that begins at `at`; 1 where it is no UTF-8.
std::size_t code_point_length(std::string_view text, std::size_t at);

// The code points; InvalidInput, naming `field`, unless it is UTF-8.
std::u32string code_points(std::string_view text, const std::string &field);

edgemesh::Algorithm with_strings(edgemesh::Algorithm algorithm);

} // namespace text
