// cpp.regex: google-re2's search, match, fullmatch, findall and sub, of many strings at once.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <re2/re2.h>

#include "../parallel/parallel.hpp"
#include "algorithms.hpp"
#include "matches.hpp"
#include "strings.hpp"

namespace text {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::TensorSpec;
using re2::RE2;

constexpr std::int64_t default_memory = 8 << 20; // RE2's

std::unique_ptr<RE2> compile(const edgemesh::Parameters &parameters) {
    const auto pattern = parameters.get<std::string>("pattern");
    const auto memory = parameters.get<std::int64_t>("max_mem", default_memory);
    if (memory < (1 << 16) || memory > (1 << 30)) {
        throw InvalidInput("parameters.max_mem", "must lie in 2^16 to 2^30 bytes");
    }
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(memory);
    options.set_case_sensitive(parameters.get<bool>("case_sensitive", true));
    auto compiled = std::make_unique<RE2>(pattern, options);
    if (compiled->ok()) return compiled;
    // RE2 names the part that it did not take; where that stands twice, the first may be meant.
    const std::size_t at = pattern.find(compiled->error_arg());
    std::string place;
    if (compiled->error_code() != RE2::ErrorPatternTooLarge && at != std::string::npos) {
        std::size_t points = 0;
        for (std::size_t i = 0; i < at; i += code_point_length(pattern, i)) ++points;
        place = ", at character " + std::to_string(points);
    }
    throw InvalidInput("parameters.pattern",
                       "must be a regular expression of RE2: " + compiled->error() + place);
}

// What all strings' results may take together: a few bytes of text can ask for any number.
class Budget {
  public:
    explicit Budget(const edgemesh::Call &call)
        : left_(call.memory_bytes() == 0 ? std::int64_t{1} << 31
                                         : static_cast<std::int64_t>(call.memory_bytes() / 4)) {}
    void take(std::size_t bytes) {
        if (left_.fetch_sub(static_cast<std::int64_t>(bytes)) >= static_cast<std::int64_t>(bytes)) {
            return;
        }
        throw edgemesh::Failure("TooManyMatches", "the matches do not fit into the memory");
    }

  private:
    std::atomic<std::int64_t> left_;
};

// For every string, on the call's threads.
template <class Each>
void for_strings(const edgemesh::Call &call, const Strings &strings, Each &&each) {
    parallel::over(call, strings.size(), 256, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) each(i, strings[i]);
    });
}

Json texts(std::string_view text, const std::int64_t *spans, std::size_t groups) {
    Json list = Json::array();
    for (std::size_t i = 0; i < groups; ++i) {
        if (spans[2 * i] < 0) {
            list.push_back(nullptr);
        } else {
            list.push_back(text.substr(static_cast<std::size_t>(spans[2 * i]),
                                       static_cast<std::size_t>(spans[2 * i + 1] - spans[2 * i])));
        }
    }
    return list;
}

struct Expression {
    edgemesh::Call &call;
    const Strings &strings;
    const RE2 &pattern;
    std::size_t groups; // the whole match too
    std::size_t most;   // matches of each string; 0: all
};

// All matches of every string; `spans` and `offsets`, and their texts as the result.
void find_all(const Expression &one, RE2::Anchor anchor, bool many) {
    Budget budget(one.call);
    std::vector<Spans> found(one.strings.size());
    for_strings(one.call, one.strings, [&](std::size_t i, std::string_view text) {
        Matches matches(one.pattern, text, anchor, many ? one.most : 1);
        Spans spans(2 * one.groups);
        for (std::size_t n = 1; matches.next(spans.data()); ++n) {
            budget.take(spans.size() * sizeof(spans[0]));
            found[i].insert(found[i].end(), spans.begin(), spans.end());
            if (n % 256 == 0) one.call.check_cancelled();
        }
    });
    const auto groups = static_cast<std::int64_t>(one.groups);
    std::vector<std::int64_t> offsets{0};
    Json list = Json::array();
    for (std::size_t i = 0; i < found.size(); ++i) {
        const std::size_t count = found[i].size() / (2 * one.groups);
        offsets.push_back(offsets.back() + static_cast<std::int64_t>(count));
        if (!one.strings.listed()) continue;
        Json of_string = Json::array();
        for (std::size_t k = 0; k < count; ++k) {
            of_string.push_back(
                texts(one.strings[i], found[i].data() + 2 * k * one.groups, one.groups));
        }
        if (many) {
            list.push_back(std::move(of_string));
        } else {
            list.push_back(count == 0 ? Json() : std::move(of_string[0]));
        }
        to_code_points(one.strings[i], found[i]);
    }
    if (many) {
        auto spans = one.call.output<std::int64_t>("spans", {offsets.back(), groups, 2}).begin();
        for (const Spans &of_string : found) {
            spans = std::copy(of_string.begin(), of_string.end(), spans);
        }
        const auto out =
            one.call.output<std::int64_t>("offsets", {static_cast<std::int64_t>(offsets.size())});
        std::copy(offsets.begin(), offsets.end(), out.begin());
    } else {
        auto spans =
            one.call
                .output<std::int64_t>("spans", {static_cast<std::int64_t>(found.size()), groups, 2})
                .begin();
        for (Spans &of_string : found) {
            if (of_string.empty()) of_string.assign(2 * one.groups, -1);
            spans = std::copy(of_string.begin(), of_string.end(), spans);
        }
    }
    if (one.strings.listed()) one.call.result({{"matches", list}});
}

void count(const Expression &one) {
    const auto counts =
        one.call.output<std::int64_t>("counts", {static_cast<std::int64_t>(one.strings.size())});
    for_strings(one.call, one.strings, [&](std::size_t i, std::string_view text) {
        Matches matches(one.pattern, text, RE2::UNANCHORED, one.most);
        Spans spans(2 * one.groups);
        std::int64_t n = 0;
        while (matches.next(spans.data())) {
            if (++n % 256 == 0) one.call.check_cancelled();
        }
        counts[i] = n;
    });
}

void replace(const Expression &one) {
    const auto replacement = one.call.parameters().get<std::string>("replacement");
    std::string why;
    if (!one.pattern.CheckRewriteString(replacement, &why)) {
        throw InvalidInput("parameters.replacement",
                           "must be made of text, \\\\ and \\0 to \\9: " + why);
    }
    Budget budget(one.call);
    std::vector<std::string> replaced(one.strings.size());
    for_strings(one.call, one.strings, [&](std::size_t i, std::string_view text) {
        Matches matches(one.pattern, text, RE2::UNANCHORED, one.most);
        Spans spans(2 * one.groups);
        std::vector<re2::StringPiece> pieces(one.groups);
        std::string &out = replaced[i];
        std::size_t done = 0;
        for (std::size_t n = 1; matches.next(spans.data()); ++n) {
            for (std::size_t k = 0; k < one.groups; ++k) {
                pieces[k] = spans[2 * k] < 0
                                ? re2::StringPiece()
                                : re2::StringPiece(
                                      text.data() + spans[2 * k],
                                      static_cast<std::size_t>(spans[2 * k + 1] - spans[2 * k]));
            }
            const std::size_t before = out.size();
            out.append(text, done, static_cast<std::size_t>(spans[0]) - done);
            one.pattern.Rewrite(&out, replacement, pieces.data(), static_cast<int>(one.groups));
            done = static_cast<std::size_t>(spans[1]);
            budget.take(out.size() - before);
            if (n % 256 == 0) one.call.check_cancelled();
        }
        out.append(text.substr(done));
    });
    if (one.strings.listed()) {
        one.call.result({{"strings", replaced}});
        return;
    }
    std::vector<std::int64_t> offsets{0};
    for (const std::string &string : replaced) {
        offsets.push_back(offsets.back() + static_cast<std::int64_t>(string.size()));
    }
    auto *data = one.call.output<std::byte>("data", {offsets.back()}).data();
    for (const std::string &string : replaced) {
        if (!string.empty()) std::memcpy(data, string.data(), string.size());
        data += string.size();
    }
    const auto out =
        one.call.output<std::int64_t>("offsets", {static_cast<std::int64_t>(offsets.size())});
    std::copy(offsets.begin(), offsets.end(), out.begin());
}

void run(edgemesh::Call &call) {
    const auto mode = call.parameters().get<std::string>("mode", "find");
    const auto most = call.parameters().get<std::int64_t>("count", 0);
    if (most < 0) throw InvalidInput("parameters.count", "must not be negative");
    const auto pattern = compile(call.parameters());
    const Strings strings(call);
    const Expression one{call, strings, *pattern,
                         static_cast<std::size_t>(pattern->NumberOfCapturingGroups()) + 1,
                         static_cast<std::size_t>(most)};
    if (mode == "find") return find_all(one, RE2::UNANCHORED, false);
    if (mode == "match") return find_all(one, RE2::ANCHOR_START, false);
    if (mode == "fullmatch") return find_all(one, RE2::ANCHOR_BOTH, false);
    if (mode == "findall") return find_all(one, RE2::UNANCHORED, true);
    if (mode == "count") return count(one);
    if (mode == "replace") return replace(one);
    throw InvalidInput("parameters.mode",
                       "must be find, match, fullmatch, findall, count or replace");
}

} // namespace

edgemesh::Algorithm regex() {
    return with_strings(
               edgemesh::Algorithm("cpp.regex", "1")
                   .about("A regular expression on many strings, in linear time, as Python's "
                          "google-re2; by RE2. Places are code points of `strings`, bytes of "
                          "`data`; of `strings`, the result has the texts too."))
        .required_parameter("pattern", Json{{"type", "string"}, {"description", "RE2's syntax"}})
        .parameter("mode",
                   Json{{"enum", {"find", "match", "fullmatch", "findall", "count", "replace"}},
                        {"default", "find"},
                        {"description", "find: the first, anywhere; match: at the start; "
                                        "fullmatch: the whole string"}})
        .parameter("replacement",
                   Json{{"type", "string"},
                        {"description", "for replace; \\1 to \\9 are groups, \\0 is the match"}})
        .parameter("count", Json{{"type", "integer"},
                                 {"minimum", 0},
                                 {"default", 0},
                                 {"description", "matches of each string at most; 0: all"}})
        .parameter("case_sensitive", Json{{"type", "boolean"}, {"default", true}})
        .parameter("max_mem", Json{{"type", "integer"},
                                   {"minimum", 1 << 16},
                                   {"maximum", 1 << 30},
                                   {"default", default_memory},
                                   {"description", "bytes that the expression and its automata may "
                                                   "take"}})
        .output(TensorSpec("spans").of<std::int64_t>().any_rank().optional().allow_empty().about(
            "[matches, groups + 1, 2], the whole match first; -1: took no part. Of find, match and "
            "fullmatch one row for each string"))
        .output(TensorSpec("offsets").of<std::int64_t>().shape({-1}).optional().about(
            "[n + 1], where in spans (findall) or data (replace) each string's begin"))
        .output(TensorSpec("counts").of<std::int64_t>().shape({-1}).optional().allow_empty().about(
            "of count"))
        .output(TensorSpec("data").of<std::byte>().any_rank().optional().allow_empty().about(
            "of replace, if the strings came as data"))
        .result(
            Json{{"type", "object"},
                 {"description", "of `strings`: matches (of each its groups' texts, or null; of "
                                 "findall a list of them), or strings (replace)"}})
        .run(run);
}

} // namespace text
