// A small system whose solution is known, and matrices that are none. The executor's tests compare
// with SciPy.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

struct System {
    std::vector<double> data{4, 1, 1, 3};
    std::vector<std::int32_t> indices{0, 1, 0, 1}, indptr{0, 2, 4};
    std::vector<double> b{1, 2};
};

host::Outcome solve(const std::string &algorithm, const System &system) {
    static const host::Library library(EDGEMESH_PLUGIN_FILE);
    static Recorder recorder;
    const auto length = [](const auto &list) { return static_cast<std::int64_t>(list.size()); };
    return library.run({algorithm,
                        "",
                        "",
                        {input("data", system.data, {length(system.data)}),
                         input("indices", system.indices, {length(system.indices)}),
                         input("indptr", system.indptr, {length(system.indptr)}),
                         input("b", system.b, {length(system.b)})}},
                       recorder);
}

TEST(Sparse, SolvesASystem) {
    for (const char *const algorithm : {"cpp.spsolve", "cpp.cg"}) {
        const auto x = output<double>(solve(algorithm, {}), "y");
        EXPECT_NEAR(x.at(0), 1 / 11.0, 1e-5);
        EXPECT_NEAR(x.at(1), 7 / 11.0, 1e-5);
    }
}

TEST(Sparse, TrustsNoIndex) {
    const auto refusal = [](const System &system) {
        return solve("cpp.spsolve", system).errors.at(0).subject;
    };
    EXPECT_EQ(refusal({{1, 1}, {0, 2}, {0, 1, 2}, {1, 2}}), "inputs.indices");
    EXPECT_EQ(refusal({{1, 1}, {0, -1}, {0, 1, 2}, {1, 2}}), "inputs.indices");
    EXPECT_EQ(refusal({{1, 1}, {0, 1}, {0, 3, 2}, {1, 2}}), "inputs.indptr");
    EXPECT_EQ(refusal({{1, 1}, {0, 1}, {0, 2, 1}, {1, 2}}), "inputs.indptr");
    EXPECT_EQ(refusal({{1, 1}, {0, 1}, {0, 1, 1}, {1, 2}}), "inputs.indptr");
    EXPECT_EQ(refusal({{1, 1}, {0, 1}, {1, 1, 2}, {1, 2}}), "inputs.indptr");
    EXPECT_EQ(refusal({{1, 1}, {0}, {0, 1, 2}, {1, 2}}), "inputs.indices");
    EXPECT_EQ(refusal({{1, NAN}, {0, 1}, {0, 1, 2}, {1, 2}}), "inputs.data");
    EXPECT_EQ(refusal({{1, 1}, {0, 1}, {0, 1, 2}, {1, 2, 3}}), "inputs.b");
}

TEST(Sparse, SaysWhatIsSingular) {
    EXPECT_EQ(solve("cpp.spsolve", {{1, 1}, {0, 0}, {0, 1, 2}, {1, 2}}).errors.at(0).subject,
              "SingularMatrix");
}

} // namespace
