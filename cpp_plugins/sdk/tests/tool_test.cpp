#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "../tools/description.hpp"
#include "../tools/page.hpp"
#include "../tools/probe.hpp"
#include "../tools/sha256.hpp"

using edgemesh::tools::DescriptionCheck;
using edgemesh::tools::Json;
using edgemesh::tools::probe;

namespace {

std::string sum(const std::string &text) {
    std::istringstream stream(text);
    return edgemesh::tools::sha256(stream);
}

// The vectors of FIPS 180-4, and the lengths about a block and about its length field.
TEST(Sha256, IsTheStandards) {
    EXPECT_EQ(sum(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sum(std::string(55, 'a')),
              "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    EXPECT_EQ(sum(std::string(64, 'a')),
              "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    EXPECT_EQ(sum(std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Json good() {
    return Json::parse(R"({"name": "demo", "version": "1.0", "algorithms": [
        {"name": "cpp.demo", "version": "1", "description": "doubles",
         "parameters_schema": {"type": "object", "properties": {"n": {"type": "integer"}}},
         "inputs": [{"name": "x", "dtypes": ["float32"], "shape": [-1, 3], "required": true}],
         "outputs": [{"name": "y", "any_rank": true}], "streams": false}]})");
}

// The only problem of a good description with one member replaced.
std::string problem(const std::string &pointer, const Json &value) {
    Json description = good();
    description[Json::json_pointer(pointer)] = value;
    const std::vector<std::string> problems = DescriptionCheck::problems(description);
    return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
}

TEST(Description, IsTakenWhenItIsRight) { EXPECT_TRUE(DescriptionCheck::problems(good()).empty()); }

TEST(Description, IsRefusedWithTheField) {
    const std::vector<std::tuple<const char *, Json, const char *>> cases{
        {"", Json::array(), "the description"},
        {"/name", "Demo!", "name"},
        {"/name", 7, "name"},
        {"/version", "", "version"},
        {"/algorithms", Json::array(), "algorithms"},
        {"/algorithms/0", "cpp.demo", "algorithms[0]"},
        {"/algorithms/1", good()["algorithms"][0], "algorithms[1]"}, // twice
        {"/algorithms/0/name", "demo", "algorithms[0].name"},
        {"/algorithms/0/name", "cpp..demo", "algorithms[0].name"},
        {"/algorithms/0/name", "cpp.Demo", "algorithms[0].name"},
        {"/algorithms/0/version", "1@2", "algorithms[0].version"},
        {"/algorithms/0/description", "", "algorithms[0].description"},
        {"/algorithms/0/parameters_schema", true, "algorithms[0].parameters_schema"},
        {"/algorithms/0/parameters_schema/properties/n", "integer",
         "algorithms[0].parameters_schema.properties.n"},
        {"/algorithms/0/result_schema", Json::array(), "algorithms[0].result_schema"},
        {"/algorithms/0/streams", 1, "algorithms[0].streams"},
        {"/algorithms/0/default_run_time_ms", -1, "algorithms[0].default_run_time_ms"},
        {"/algorithms/0/inputs", Json::object(), "algorithms[0].inputs"},
        {"/algorithms/0/inputs/1", good()["algorithms"][0]["inputs"][0],
         "algorithms[0].inputs[1].name"}, // twice
        {"/algorithms/0/inputs/0/dtypes/0", "float", "algorithms[0].inputs[0].dtypes"},
        {"/algorithms/0/inputs/0/shape/0", -2, "algorithms[0].inputs[0].shape"},
        {"/algorithms/0/inputs/0/shape/0", 1.5, "algorithms[0].inputs[0].shape"},
    };
    for (const auto &[pointer, value, field] : cases) {
        const std::string got = problem(pointer, value);
        EXPECT_EQ(got.substr(0, got.find(": ")), field) << pointer << " " << value << ": " << got;
    }
}

// What a plugin says of itself, or why not.
std::string asked(const std::string &name) {
    try {
        const bool hangs = name.find("hanging") == 0;
        return probe(PLUGINS_FOLDER "/" + name + ".so", std::chrono::seconds(hangs ? 1 : 60));
    } catch (const edgemesh::tools::ProbeFailed &error) {
        return error.what();
    }
}

TEST(Probe, SurvivesAnyPlugin) {
    const std::vector<std::pair<const char *, const char *>> cases{
        {"missing", "No such file"},
        {"wrong_abi", "speaks version 999"},
        {"aborting", "Aborted"},
        {"hanging", "hung"},
        {"leaving", "as it was loaded, with status 0"},
        {"closed_door", "there is no licence"},
        {"failing_test", "self_test: "},
        {"failing_test", "OldLibrary: libfoo 2 is needed, 1 is here"},
        {"aborting_test", "in its self-test: Aborted"},
        {"hanging_test", "it hung in its self-test"},
        {"leaving_test", "in its self-test, with status 0"}};
    for (const auto &[name, part] : cases) {
        EXPECT_NE(asked(name).find(part), std::string::npos) << name << ": " << asked(name);
    }
    EXPECT_EQ(Json::parse(asked("scale"))["name"], "scale");
}

TEST(SchemaText, SaysWhatIsTaken) {
    const std::vector<std::pair<const char *, const char *>> cases{
        {R"({"type": "integer", "minimum": 1, "exclusiveMaximum": 9})",
         "integer, at least 1, less than 9"},
        {R"({"enum": ["a", 1, null]})", "`\"a\"`, `1`, `null`"},
        {R"({"type": ["integer", "null"]})", "integer or null"},
        {R"({"type": "array", "items": {"type": "number"}, "minItems": 2})",
         "list of number, length at least 2"},
        {R"({"anyOf": [{"type": "boolean"}, {"type": "array", "items": {"enum": [1, 2]}}]})",
         "true or false or list of (`1`, `2`)"},
        {R"({"type": "object", "properties": {"n": {"type": "integer"}}})", "object: `n` integer"},
        {R"({"not": {}})", "any value"},
        {R"(true)", "any value"},
    };
    for (const auto &[schema, text] : cases) {
        EXPECT_EQ(edgemesh::tools::schema_text(Json::parse(schema)), text);
    }
}

TEST(Page, HasARowForEachParameterAndTensor) {
    const std::filesystem::path folder = std::filesystem::path(::testing::TempDir()) / "manifests";
    std::filesystem::create_directories(folder);
    Json description = good();
    description["algorithms"][0]["parameters_schema"]["properties"]["n"]["description"] = "a|b";
    std::ofstream(folder / "demo.json") << Json{
        {"manifest", 1}, {"name", "demo"}, {"version", "1.0"}, {"description", description}};
    std::ofstream(folder / "demo.so") << "not looked at";
    const std::string page = edgemesh::tools::Page::of(folder);
    for (const char *const line :
         {"| [demo](demo/) | [cpp.demo](#cppdemo) |\n", "## demo 1.0\n", "### cpp.demo\n",
          "| `n` | integer | | a\\|b |\n", "| `x` | float32 | [n, 3] | |\n",
          "| `y` | any type | any | |\n"}) {
        EXPECT_NE(page.find(line), std::string::npos) << line << page;
    }
    std::ofstream(folder / "odd.json") << "{}";
    EXPECT_THROW(edgemesh::tools::Page::of(folder), std::runtime_error);
    std::filesystem::remove_all(folder);
}

} // namespace
