#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

struct Call : ::testing::Test {
    host::Library scale{PLUGINS_FOLDER "/scale.so"};
    host::Library breaker{PLUGINS_FOLDER "/rule_breaker.so"};
    Recorder recorder;

    // The first error's "subject: message", or "".
    std::string error(const host::Request &request) {
        const host::Outcome outcome = scale.run(request, recorder);
        if (outcome.errors.empty()) return "";
        return outcome.errors[0].subject + ": " + outcome.errors[0].message;
    }
    host::Outcome breaks(const std::string &rule) {
        host::Request request;
        request.algorithm = rule;
        return breaker.run(request, recorder);
    }
};

const std::vector<double> numbers{1, 2, 3};

TEST_F(Call, ComputesIntoMemoryOfTheHost) {
    const host::Outcome outcome =
        scale.run({"cpp.scale", "1", "{\"factor\": 10}", {input("x", numbers, {3})}}, recorder);
    EXPECT_EQ(outcome.status, EDGEMESH_OK);
    EXPECT_EQ(output<double>(outcome, "y"), (std::vector<double>{10, 20, 30}));
    EXPECT_EQ(outcome.outputs[0].shape, edgemesh::Shape{3});
    EXPECT_FALSE(outcome.result);
}

TEST_F(Call, CarriesEverything) {
    const std::vector<float> matrix{1, 2, 3, 4, 5, 6};
    const std::vector<std::byte> label(4);
    host::Request request{"cpp.everything", "", "", {}, 3, 1000, 5000};
    request.inputs = {input("matrix", matrix, {2, 3}), input("label", label, {4})};
    request.inputs[1].media_type = "text/plain";
    const host::Outcome outcome = scale.run(request, recorder);
    ASSERT_EQ(outcome.status, EDGEMESH_OK);
    EXPECT_EQ(output<float>(outcome, "transposed"), (std::vector<float>{1, 4, 2, 5, 3, 6}));
    EXPECT_EQ(recorder.out, "out");
    EXPECT_EQ(recorder.err, "err");
    EXPECT_EQ(recorder.steps, (decltype(recorder.steps){{0.5, "half"}}));
    EXPECT_EQ(nlohmann::json::parse(outcome.result.value()),
              nlohmann::json({{"algorithm", "cpp.everything"},
                              {"threads", 3},
                              {"memory_bytes", 1000},
                              {"run_time_ns", 5000},
                              {"label", "text/plain"}}));
}

TEST_F(Call, IsLeftWhenCancelled) {
    const std::vector<float> matrix(3);
    recorder.cancel = true;
    const host::Outcome outcome =
        scale.run({"cpp.everything", "", "", {input("matrix", matrix, {1, 3})}}, recorder);
    EXPECT_EQ(outcome.status, EDGEMESH_CANCELLED);
}

TEST_F(Call, ChecksInputsAgainstTheirSpecs) {
    const std::vector<float> floats(6);
    const std::vector<double> none;
    EXPECT_EQ(error({"cpp.scale", "", "", {}}), "inputs.x: is required");
    EXPECT_EQ(error({"cpp.scale", "", "", {input("z", numbers, {3})}}),
              "inputs.z: is not an input");
    EXPECT_EQ(error({"cpp.scale", "", "", {input("x", floats, {6})}}),
              "inputs.x: must be float64, is float32");
    EXPECT_EQ(error({"cpp.scale", "", "", {input("x", none, {0})}}),
              "inputs.x: must not be empty, has the shape [0]");
    EXPECT_EQ(error({"cpp.everything", "", "", {input("matrix", floats, {6})}}),
              "inputs.matrix: must have the shape [-1, 3] (-1: any length), has [6]");
    EXPECT_EQ(error({"cpp.everything", "", "", {input("matrix", floats, {3, 2})}}),
              "inputs.matrix: must have the shape [-1, 3] (-1: any length), has [3, 2]");
}

TEST_F(Call, ReportsBadParametersAndNames) {
    EXPECT_EQ(error({"cpp.scale", "", "{", {input("x", numbers, {3})}}),
              "parameters: must be a JSON object");
    EXPECT_EQ(error({"cpp.scale", "", "{\"factor\": \"2\"}", {input("x", numbers, {3})}}),
              "parameters.factor: must be a number");
    EXPECT_EQ(error({"cpp.nothing", "", "", {}}), "UnknownAlgorithm: cpp.nothing");
    EXPECT_EQ(error({"cpp.scale", "2", "", {}}), "UnknownAlgorithm: cpp.scale");
}

TEST_F(Call, RefusesBytesThatDoNotFitTheShape) {
    for (const edgemesh::Shape &shape : {edgemesh::Shape{4}, {2}, {-3}, {3, INT64_MAX}}) {
        EXPECT_THROW(scale.run({"cpp.scale", "", "", {input("x", numbers, shape)}}, recorder),
                     std::invalid_argument);
    }
}

TEST_F(Call, DoesNotTrustThePlugin) {
    for (const char *const rule : {"unknown_status", "silent_failure", "unknown_kind", "overflow",
                                   "negative", "rank", "dtype", "twice"}) {
        EXPECT_THROW(breaks(rule), host::RuleBroken) << rule;
    }
    const host::Outcome contradiction = breaks("error_and_ok");
    EXPECT_EQ(contradiction.status, EDGEMESH_FAILED);
    EXPECT_EQ(contradiction.errors[0].subject, "Contradiction");
    EXPECT_EQ(breaks("odd_progress").status, EDGEMESH_OK);
    EXPECT_TRUE(recorder.steps.empty());
    EXPECT_EQ(recorder.out + recorder.err, "");
}

TEST_F(Call, ThrowsOnWhatTheListenerThrew) {
    struct Poor : Recorder {
        void *allocate(std::size_t) override { throw std::length_error("poor"); }
    } poor;
    EXPECT_THROW(scale.run({"cpp.scale", "", "", {input("x", numbers, {3})}}, poor),
                 std::length_error);
    host::Request request;
    request.algorithm = "deaf";
    EXPECT_THROW(breaker.run(request, poor), std::length_error);
}

// Whatever is thrown becomes a result: nothing crosses the border.
TEST_F(Call, TurnsExceptionsIntoResults) {
    const host::Library thrower(PLUGINS_FOLDER "/thrower.so");
    const auto thrown = [&](const std::string &what) {
        const host::Outcome outcome =
            thrower.run({"cpp.throw", "", "{\"what\": \"" + what + "\"}", {}}, recorder);
        EXPECT_EQ(outcome.status, EDGEMESH_FAILED) << what;
        return outcome.errors.at(0).subject + ": " + outcome.errors.at(0).message;
    };
    EXPECT_EQ(thrown("no_memory"), "OutOfMemory: there is not enough memory");
    EXPECT_EQ(thrown("length"), "std::length_error: too long");
    EXPECT_EQ(thrown("number"), "Unknown: something that is no std::exception was thrown");
    EXPECT_EQ(thrown("text"), "Unknown: something that is no std::exception was thrown");
    EXPECT_EQ(thrown("silent"), "(anonymous namespace)::Silent: ");
    EXPECT_EQ(thrown("destructor"), "std::out_of_range: from a destructor");
    for (int i = 0; i < 2; ++i) { // a static object that failed is tried again
        EXPECT_EQ(thrown("constructor"), "std::logic_error: from a constructor");
    }
    EXPECT_EQ(thrown("nested"), "Outer: outer");
    host::Request twice{"cpp.throw", "", "{\"what\": \"output_twice\"}", {}};
    EXPECT_THROW(thrower.run(twice, recorder), host::RuleBroken);
}

TEST_F(Call, NamesTheTypeOfAFile) {
    const host::Library thrower(PLUGINS_FOLDER "/thrower.so");
    const host::Outcome outcome =
        thrower.run({"cpp.throw", "", "{\"what\": \"file\"}", {}}, recorder);
    ASSERT_EQ(outcome.outputs.size(), 1U);
    EXPECT_EQ(outcome.outputs[0].media_type, "image/png");
    EXPECT_EQ(output<std::byte>(outcome, "file").size(), 2U);
    EXPECT_THROW(breaks("media_type"), host::RuleBroken);
}

} // namespace
