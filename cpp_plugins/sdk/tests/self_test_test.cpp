// Self-tests as the C++ layer offers them; what hosts make of plain C's is tested with the tool.
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin.hpp>
#include <edgemesh_plugin_testing.hpp>

using edgemesh::Algorithm;
using edgemesh::SelfTest;
using edgemesh::TensorSpec;

namespace {

Algorithm scale() {
    return Algorithm("cpp.scale", "1")
        .parameter("factor", {{"type", "number"}})
        .input(TensorSpec("x").of<double>().any_rank())
        .output(TensorSpec("y").of<double>().any_rank())
        .run([](edgemesh::Call &call) {
            const auto x = call.input("x").as<double>();
            const auto factor = call.parameters().get<double>("factor", 2.0);
            auto y = call.output<double>("y", x.shape());
            for (std::size_t i = 0; i < x.size(); ++i) y[i] = factor * x[i];
            call.result({{"count", x.size()}});
        });
}

// What a plugin with that test says of itself; empty: that it works.
std::string said(Algorithm::Test test) {
    try {
        edgemesh::detail::self_test(scale().self_test(std::move(test)));
        return "";
    } catch (const edgemesh::Failure &failure) {
        return failure.type() + ": " + failure.what();
    }
}

TEST(SelfTest, RunsTheAlgorithmAsACallerWould) {
    EXPECT_EQ(said([](SelfTest &test) {
                  test.input("x", std::vector<double>{1, -2}, {1, 2});
                  test.run({{"factor", 3}});
                  test.expect(test.output<double>("y") == std::vector<double>{3, -6}, "3 * x");
                  test.expect_near(test.output<double>("y")[1], -6.1, 0.2, "y[1]");
                  test.expect(test.result() == edgemesh::Json{{"count", 2}}, "a count of 2");
                  test.run();
                  test.expect(test.output<double>("y") == std::vector<double>{2, -4}, "2 * x");
              }),
              "");
}

TEST(SelfTest, SaysWhatIsWrong) {
    EXPECT_EQ(said([](SelfTest &test) { test.expect(false, "1 = 2"); }),
              "SelfTestFailed: cpp.scale: expected 1 = 2");
    EXPECT_EQ(said([](SelfTest &test) { test.expect_near(2.5, 2.0, 0.1, "y[0]"); }),
              "SelfTestFailed: cpp.scale: expected y[0] = 2.0, it is 2.5");
    EXPECT_EQ(said([](SelfTest &test) { test.run(); }),
              "SelfTestFailed: cpp.scale: inputs.x: is required");
    EXPECT_EQ(said([](SelfTest &test) { static_cast<void>(test.output<float>("y")); }),
              "SelfTestFailed: cpp.scale: NoOutput: it gives no y of that type");
    EXPECT_EQ(said([](SelfTest &) { throw std::runtime_error("libfoo 2 is needed"); }),
              "SelfTestFailed: cpp.scale: std::runtime_error: libfoo 2 is needed");
}

edgemesh_status open(edgemesh_plugin_api &api) {
    edgemesh::testing::Recorder recorder;
    edgemesh_call call(recorder);
    return edgemesh::detail::open([] { return edgemesh::Plugin("p", "1", scale()); },
                                  &edgemesh::host::callbacks::table, &call, &api);
}

// A host of before 1.2 offers less room, and must not be written past.
TEST(SelfTest, IsLeftOutWhereTheHostHasNoRoom) {
    struct {
        edgemesh_plugin_api api;
    } grown{}, old{};
    grown.api.struct_size = sizeof grown.api;
    old.api.struct_size = offsetof(edgemesh_plugin_api, self_test);
    ASSERT_EQ(open(grown.api), EDGEMESH_OK);
    ASSERT_EQ(open(old.api), EDGEMESH_OK);
    EXPECT_NE(grown.api.self_test, nullptr);
    EXPECT_EQ(old.api.self_test, nullptr);
    EXPECT_EQ(old.api.struct_size, offsetof(edgemesh_plugin_api, self_test));
    for (auto *const each : {&grown.api, &old.api}) each->close(each->self);
}

} // namespace
