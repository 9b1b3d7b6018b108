#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;

namespace {

std::string built(const std::string &name) { return PLUGINS_FOLDER "/" + name + ".so"; }

// "reason: message" of the refusal.
std::string refusal(const std::string &path) {
    try {
        const host::Library library(path);
    } catch (const host::LoadError &error) {
        EXPECT_EQ(error.path(), path);
        return error.reason() + ": " + error.what();
    }
    return "(loaded)";
}

#define EXPECT_REFUSAL(path, reason, part)                                                         \
    do {                                                                                           \
        const std::string got = refusal(path);                                                     \
        EXPECT_EQ(got.substr(0, got.find(':')), reason);                                           \
        EXPECT_NE(got.find(part), std::string::npos) << got;                                       \
    } while (false)

TEST(Load, SaysWhyNot) {
    EXPECT_REFUSAL(built("nowhere"), "missing_file", "No such file");
    EXPECT_REFUSAL(PLUGINS_FOLDER, "not_elf", "is not a shared object");
    EXPECT_REFUSAL(built("wrong_abi"), "wrong_abi", "version 999");
    EXPECT_REFUSAL(built("no_entry"), "missing_symbol", "edgemesh_plugin_open");
    EXPECT_REFUSAL(built("closed_door"), "open", "NoLicence: there is no licence");
}

TEST(Load, RefusesWhatIsNoLibrary) {
    const std::string path = ::testing::TempDir() + "text.so";
    std::ofstream(path) << "not a library";
    EXPECT_REFUSAL(path, "not_elf", "is not a shared object");
    std::ofstream(path) << "";
    EXPECT_REFUSAL(path, "not_elf", "is not a shared object");
}

// At any length: where dlopen maps past the end of a file, the process dies.
TEST(Load, RefusesATornLibrary) {
    std::ifstream file(built("plain"), std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(file)), {});
    const std::string path = ::testing::TempDir() + "torn.so";
    const auto write = [&](std::size_t size) {
        std::ofstream(path, std::ios::binary)
            .write(whole.data(), static_cast<std::streamsize>(size));
    };
    for (std::size_t size = 16; size < 1024; size += 24) {
        write(size);
        EXPECT_REFUSAL(path, "torn", "ends before it should");
    }
    write(whole.size() / 3);
    EXPECT_REFUSAL(path, "torn", "ends before it should");
    const std::string headerless = "\x7f"
                                   "ELF\x02 but no more than that";
    std::ofstream(path) << headerless;
    EXPECT_REFUSAL(path, "torn", "ends before it should");
}

TEST(Load, DoesNotSearchForNamesWithoutASlash) {
    EXPECT_REFUSAL("libc.so.6", "missing_file", "No such file");
}

TEST(Load, RefusesALibraryThatIsNoPlugin) {
    // Any library: this one is surely there.
    Dl_info info;
    ASSERT_NE(dladdr(reinterpret_cast<void *>(&::dlclose), &info), 0);
    EXPECT_REFUSAL(info.dli_fname, "missing_symbol", "edgemesh_plugin_abi_version");
}

TEST(Load, DescribesItself) {
    const host::Library library(built("scale"));
    const auto described = nlohmann::json::parse(library.describe());
    EXPECT_EQ(described["name"], "scale");
    const auto &scale = described["algorithms"][0];
    EXPECT_EQ(scale["name"], "cpp.scale");
    EXPECT_EQ(scale["parameters_schema"]["properties"]["factor"]["type"], "number");
    EXPECT_EQ(scale["parameters_schema"]["additionalProperties"], false);
    EXPECT_EQ(scale["inputs"][0]["dtypes"], nlohmann::json({"float64"}));
    EXPECT_EQ(scale["inputs"][0]["any_rank"], true);
    EXPECT_FALSE(scale.contains("result_schema"));
    EXPECT_EQ(described["algorithms"][1]["inputs"][0]["shape"], nlohmann::json({-1, 3}));
    EXPECT_EQ(described["algorithms"][1]["inputs"][1]["required"], false);
}

TEST(Load, ReportsAPluginThatDoesNotDescribeItself) {
    const host::Library library(built("rule_breaker"));
    EXPECT_THROW(library.describe(), host::LoadError);
}

TEST(Load, OpensTheSamePluginTwice) {
    const host::Library first(built("plain")), second(built("plain"));
    edgemesh::testing::Recorder recorder;
    const std::vector<std::byte> bytes(3, std::byte{7});
    host::Request request;
    request.inputs = {edgemesh::testing::input("x", bytes, {3})};
    EXPECT_EQ(first.run(request, recorder).result, "{\"sum\": 21, \"calls\": 1}");
    EXPECT_EQ(first.run(request, recorder).result, "{\"sum\": 21, \"calls\": 2}");
    EXPECT_EQ(second.run(request, recorder).result, "{\"sum\": 21, \"calls\": 1}");
}

} // namespace
