// Against numbers that NumPy prints for these seeds, and what is refused. The executor's tests
// compare many more.
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

class Random : public ::testing::Test {
  protected:
    host::Outcome run(const std::string &parameters, const char *algorithm = "cpp.random") {
        static const host::Library library(EDGEMESH_PLUGIN_FILE);
        return library.run({algorithm, "", parameters, {}}, recorder_);
    }
    std::string refusal(const std::string &parameters, const char *algorithm = "cpp.random") {
        const host::Outcome outcome = run(parameters, algorithm);
        return outcome.errors.empty() ? "" : outcome.errors[0].subject;
    }
    Recorder recorder_;
};

TEST_F(Random, GivesNumpysNumbers) {
    EXPECT_EQ(output<double>(run(R"({"seed": 0, "shape": [2]})"), "y"),
              (std::vector<double>{0.6369616873214543, 0.2697867137638703}));
    EXPECT_EQ(output<double>(run(R"({"seed": 0, "shape": [2], "distribution": "normal"})"), "y"),
              (std::vector<double>{0.1257302210933933, -0.1321048632913019}));
    EXPECT_EQ(output<std::int64_t>(
                  run(R"({"seed": 0, "shape": [3], "distribution": "integers", "high": 10})"), "y"),
              (std::vector<std::int64_t>{8, 6, 5}));
}

TEST_F(Random, RefusesWhatNothingCanHold) {
    EXPECT_EQ(refusal(R"({"seed": 0, "shape": [9223372036854775807]})"), "parameters.shape");
    EXPECT_EQ(refusal(R"({"seed": 0, "shape": [4294967296, 4294967296]})"), "parameters.shape");
    EXPECT_EQ(refusal(R"({"seed": 0, "shape": [0, 4294967296, 4294967296]})"), "parameters.shape");
    EXPECT_EQ(refusal(R"({"seed": 0, "shape": [2, -1]})"), "parameters.shape[1]");
    EXPECT_EQ(refusal(R"({"seed": 0, "n": 9223372036854775807})", "cpp.permutation"),
              "parameters.n");
}

TEST_F(Random, RefusesWhatIsNoRange) {
    const auto integers = [&](const std::string &more) {
        return refusal(R"({"seed": 0, "distribution": "integers", )" + more + "}");
    };
    EXPECT_EQ(integers(R"("high": 0)"), "parameters.high");
    EXPECT_EQ(integers(R"("high": -9223372036854775808)"), "parameters.high");
    EXPECT_EQ(integers(R"("high": 9223372036854775808)"), "");
    EXPECT_EQ(integers(R"("low": -9223372036854775808, "high": 9223372036854775808)"), "");
    EXPECT_EQ(integers(R"("low": 3000000000, "high": 3000000001, "dtype": "int32")"),
              "parameters.low");
    EXPECT_EQ(integers(R"("high": 10, "scale": 2)"), "parameters.scale");
    EXPECT_EQ(refusal(R"({"seed": 0, "low": 2})"), "parameters.high");
    EXPECT_EQ(refusal(R"({"seed": -1})"), "parameters.seed");
    EXPECT_EQ(refusal("{}"), "parameters.seed");
}

} // namespace
