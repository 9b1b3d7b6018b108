#include "strings.hpp"

#include <algorithm>
#include <utility>

namespace text {

using edgemesh::InvalidInput;
using edgemesh::Json;

Strings::Strings(const edgemesh::Call &call) : listed_(call.parameters().has("strings")) {
    const edgemesh::Tensor *const data = call.find_input("data");
    const edgemesh::Tensor *const offsets = call.find_input("offsets");
    if (listed_) {
        if (data != nullptr || offsets != nullptr) {
            throw InvalidInput("inputs.data", "must not be given beside parameters.strings");
        }
        owned_ = call.parameters().get<std::vector<std::string>>("strings");
        views_.assign(owned_.begin(), owned_.end());
        return;
    }
    if (data == nullptr) throw InvalidInput("parameters.strings", "or inputs.data is required");
    if (offsets == nullptr) throw InvalidInput("inputs.offsets", "is required beside data");
    const auto bounds = offsets->as<std::int64_t>();
    if (bounds.empty()) throw InvalidInput("inputs.offsets", "must have n + 1 numbers, has none");
    const auto *const bytes = static_cast<const char *>(data->data());
    views_.reserve(bounds.size() - 1);
    if (bounds[0] < 0) throw InvalidInput("inputs.offsets", "must not be negative");
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i) {
        if (bounds[i + 1] < bounds[i] ||
            static_cast<std::uint64_t>(bounds[i + 1]) > data->nbytes()) {
            throw InvalidInput("inputs.offsets", "must ascend to at most the length of data, " +
                                                     std::to_string(data->nbytes()) + ", number " +
                                                     std::to_string(i + 1) + " is " +
                                                     std::to_string(bounds[i + 1]));
        }
        const auto length = static_cast<std::size_t>(bounds[i + 1] - bounds[i]);
        views_.push_back(length == 0 ? std::string_view()
                                     : std::string_view(bytes + bounds[i], length));
    }
}

std::string Strings::field(std::size_t i) const {
    return listed_ ? "parameters.strings[" + std::to_string(i) + "]" : "inputs.data";
}

namespace {

// The code point at text[at] and its length; 0: there is none.
std::pair<char32_t, std::size_t> decode(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : 2);
    if (first < 0xc2 || first > 0xf4 || text.size() - at < length) return {0, 0};
    auto point = static_cast<char32_t>(first & (0xffU >> (length + 1)));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return {0, 0};
        point = (point << 6) | (byte(i) & 0x3fU);
    }
    const bool longer_than_needed =
        (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    if (longer_than_needed || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
        return {0, 0};
    }
    return {point, length};
}

} // namespace

std::size_t code_point_length(std::string_view text, std::size_t at) {
    return std::max<std::size_t>(1, decode(text, at).second);
}

std::u32string code_points(std::string_view text, const std::string &field) {
    std::u32string points;
    points.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        const auto [point, length] = decode(text, at);
        if (length == 0) {
            throw InvalidInput(field,
                               "must be UTF-8, a string is not at its byte " + std::to_string(at));
        }
        points.push_back(point);
        at += length;
    }
    return points;
}

edgemesh::Algorithm with_strings(edgemesh::Algorithm algorithm) {
    return std::move(algorithm)
        .parameter("strings", Json{{"type", "array"},
                                   {"items", {{"type", "string"}}},
                                   {"description", "the strings; or give data and offsets"}})
        .input(
            edgemesh::TensorSpec("data").of<std::byte>().any_rank().optional().allow_empty().about(
                "the strings' bytes, one after the other"))
        .input(edgemesh::TensorSpec("offsets").of<std::int64_t>().shape({-1}).optional().about(
            "[n + 1], where in data each begins, and where the last ends"));
}

} // namespace text
