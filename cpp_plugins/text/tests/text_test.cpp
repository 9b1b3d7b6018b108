// What is plain to see, and what is refused. The executor's tests compare with rapidfuzz and RE2's
// own Python module.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;
using Numbers = std::vector<std::int64_t>;

namespace {

const host::Library &plugin() {
    static const host::Library library(EDGEMESH_PLUGIN_FILE);
    return library;
}

host::Outcome run(const std::string &algorithm, const std::string &parameters, Recorder &recorder) {
    return plugin().run({algorithm, "", parameters, {}}, recorder);
}

std::string refusal(const host::Outcome &outcome) {
    return outcome.errors.empty() ? ""
                                  : outcome.errors[0].subject + ": " + outcome.errors[0].message;
}

host::Outcome on_data(const std::string &parameters, const std::string &text,
                      const Numbers &offsets, Recorder &recorder) {
    std::vector<std::byte> data(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) data[i] = static_cast<std::byte>(text[i]);
    return plugin().run({"cpp.edit_distance",
                         "",
                         parameters,
                         {input("data", data, {static_cast<std::int64_t>(data.size())}),
                          input("offsets", offsets, {static_cast<std::int64_t>(offsets.size())})}},
                        recorder);
}

TEST(EditDistance, OfWords) {
    Recorder recorder;
    const auto outcome =
        run("cpp.edit_distance",
            R"({"query": "kitten", "strings": ["sitting", "", "kitten", "Käfer"]})", recorder);
    EXPECT_EQ(output<std::int64_t>(outcome, "y"), (Numbers{3, 6, 0, 5}));
}

TEST(EditDistance, OfDataMustFit) {
    Recorder recorder;
    const std::string query = R"({"query": "ab"})";
    EXPECT_EQ(output<std::int64_t>(on_data(query, "abac", {0, 2, 2, 4}, recorder), "y"),
              (Numbers{0, 2, 1}));
    for (const Numbers &bad : {Numbers{-1, 2}, Numbers{0, 5}, Numbers{2, 1}, Numbers{0, INT64_MAX},
                               Numbers{3, INT64_MIN}}) {
        EXPECT_EQ(on_data(query, "abac", bad, recorder).errors.at(0).subject, "inputs.offsets");
    }
    for (const char *const bad :
         {"\xff", "\xc3", "\xe2\x82", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "a\x80"}) {
        const auto end = static_cast<std::int64_t>(std::string(bad).size());
        EXPECT_EQ(on_data(query, bad, {0, end}, recorder).errors.at(0).subject, "inputs.data");
    }
}

TEST(Regex, FindsGroups) {
    Recorder recorder;
    const auto outcome =
        run("cpp.regex", R"({"pattern": "(\\w)(x)?", "strings": ["äa", "-"], "mode": "find"})",
            recorder);
    EXPECT_EQ(output<std::int64_t>(outcome, "spans"),
              (Numbers{1, 2, 1, 2, -1, -1, -1, -1, -1, -1, -1, -1}));
    EXPECT_EQ(outcome.result, R"({"matches":[["a","a",null],null]})");
}

TEST(Regex, ReplacesEmptyMatchesToo) {
    Recorder recorder;
    const auto outcome =
        run("cpp.regex",
            R"({"pattern": "x*", "strings": ["abxd", ""], "mode": "replace", "replacement": "-"})",
            recorder);
    EXPECT_EQ(outcome.result, R"({"strings":["-a-b--d-","-"]})");
}

TEST(Refusals, NameTheField) {
    Recorder recorder;
    const auto regex = [&](const std::string &rest) {
        return refusal(run("cpp.regex", R"({"strings": ["a"], )" + rest + "}", recorder));
    };
    EXPECT_EQ(regex(R"("pattern": "aä[b")"),
              "parameters.pattern: must be a regular expression of RE2: missing ]: [b, at "
              "character 2");
    EXPECT_EQ(regex(R"("pattern": "((a{100}){100}){100}")").substr(0, 18), "parameters.pattern");
    EXPECT_EQ(regex(R"("pattern": "a", "mode": "replace", "replacement": "\\3")").substr(0, 22),
              "parameters.replacement");
    EXPECT_EQ(regex(R"("pattern": "a", "max_mem": 1)"),
              "parameters.max_mem: must lie in 2^16 to 2^30 bytes");
    EXPECT_EQ(refusal(run("cpp.regex", R"({"pattern": "a"})", recorder)),
              "parameters.strings: or inputs.data is required");
    EXPECT_EQ(refusal(run("cpp.edit_distance", R"({"query": "a", "strings": [], "weights": [1]})",
                          recorder)),
              "parameters.weights: must be [insertion, deletion, substitution]");
}

TEST(Cancelled, InTheMiddle) {
    Recorder recorder;
    recorder.cancel = true;
    EXPECT_EQ(run("cpp.regex", R"({"pattern": "a", "strings": ["a"]})", recorder).status,
              EDGEMESH_CANCELLED);
}

} // namespace
