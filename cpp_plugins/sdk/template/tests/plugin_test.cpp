// Loads the built plugin as the executor does.
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

using edgemesh::testing::input;
using edgemesh::testing::output;

namespace {

struct Plugin : ::testing::Test {
    const edgemesh::host::Library plugin{EDGEMESH_PLUGIN_FILE};
    edgemesh::testing::Recorder recorder;

    edgemesh::host::Outcome run(const char *parameters, edgemesh::host::Input x) {
        return plugin.run({"cpp.@NAME@", "1", parameters, {std::move(x)}}, recorder);
    }
};

TEST_F(Plugin, Multiplies) {
    const std::vector<double> x{1, 2, 3};
    EXPECT_EQ(output<double>(run("{}", input("x", x, {3})), "y"), (std::vector<double>{2, 4, 6}));
    EXPECT_EQ(output<double>(run(R"({"factor": -1})", input("x", x, {1, 3})), "y"),
              (std::vector<double>{-1, -2, -3}));
}

TEST_F(Plugin, NamesWhatIsWrong) {
    const std::vector<int> x{1};
    const auto outcome = run("{}", input("x", x, {1}));
    ASSERT_EQ(outcome.status, EDGEMESH_INVALID_INPUT);
    EXPECT_EQ(outcome.errors[0].subject, "inputs.x");
    EXPECT_EQ(outcome.errors[0].message, "must be float32 or float64, is int32");
}

} // namespace
