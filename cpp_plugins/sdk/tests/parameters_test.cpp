#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin.hpp>

using edgemesh::InvalidInput;
using edgemesh::Parameters;

namespace {

template <class T> T read(const std::string &json) {
    return Parameters("{\"v\": " + json + "}").get<T>("v");
}

template <class T> std::string refused(const std::string &json) {
    try {
        read<T>(json);
    } catch (const InvalidInput &error) {
        return error.field();
    }
    return "(taken)";
}

TEST(Parameters, ConvertWithoutLoss) {
    EXPECT_EQ(read<int>("-7"), -7);
    EXPECT_EQ(read<int>("2.0"), 2); // an integer to JSON Schema
    EXPECT_EQ(read<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
    EXPECT_EQ(read<std::int64_t>("-9223372036854775808"), INT64_MIN);
    EXPECT_EQ(read<double>("3"), 3.0);
    EXPECT_TRUE(read<bool>("true"));
    EXPECT_EQ(read<std::string>("\"\\u00e9\""), "é");
    EXPECT_EQ(read<std::vector<int>>("[1, 2]"), (std::vector<int>{1, 2}));
}

TEST(Parameters, RefuseWhatWouldChange) {
    EXPECT_EQ(refused<int>("1.5"), "parameters.v");
    EXPECT_EQ(refused<int>("2147483648"), "parameters.v");
    EXPECT_EQ(refused<std::uint8_t>("-1"), "parameters.v");
    EXPECT_EQ(refused<std::uint8_t>("-1.0"), "parameters.v");
    EXPECT_EQ(refused<std::uint64_t>("18446744073709551616"), "parameters.v");
    EXPECT_EQ(refused<std::int64_t>("9223372036854775808"), "parameters.v");
    EXPECT_EQ(refused<float>("1e39"), "parameters.v");
    EXPECT_EQ(refused<float>("-1e39"), "parameters.v");
    EXPECT_EQ(refused<std::int64_t>("1e300"), "parameters.v");
    EXPECT_EQ(refused<int>("true"), "parameters.v");
    EXPECT_EQ(refused<bool>("1"), "parameters.v");
    EXPECT_EQ(refused<double>("\"1\""), "parameters.v");
    EXPECT_EQ(refused<std::string>("null"), "parameters.v");
    EXPECT_EQ(refused<std::vector<int>>("3"), "parameters.v");
    EXPECT_EQ(refused<std::vector<int>>("[1, 2, \"x\"]"), "parameters.v[2]");
}

TEST(Parameters, TellMissingFromPresent) {
    const Parameters parameters("{\"a\": 1}");
    EXPECT_EQ(parameters.get<int>("b", 5), 5);
    EXPECT_FALSE(parameters.find<int>("b"));
    EXPECT_THROW(parameters.get<int>("b"), InvalidInput);
    EXPECT_TRUE(Parameters("").json().empty());
}

TEST(Parameters, AreAnObject) {
    for (const char *const text : {"[]", "1", "{", "null", "{\"a\": 1} x", "\xff"}) {
        EXPECT_THROW(Parameters{text}, InvalidInput) << text;
    }
    // Deep nesting must not exhaust the stack.
    EXPECT_THROW(Parameters(std::string(100000, '[')), InvalidInput);
    const auto nested = [](std::size_t depth) {
        const std::string lists = std::string(depth, '[') + "\"[[\\\"[\"" + std::string(depth, ']');
        return "{\"v\": " + lists + "}";
    };
    EXPECT_NO_THROW(Parameters(nested(99)).get<edgemesh::Json>("v"));
    EXPECT_THROW(Parameters{nested(100)}, InvalidInput);
    EXPECT_THROW(Parameters{nested(1000000)}, InvalidInput);
}

} // namespace
