// Laws that need no reference, and files that lie. The executor's tests compare with cv2.
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::Shape;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

using Bytes = std::vector<std::byte>;

const host::Library &plugin() {
    static const host::Library library(EDGEMESH_PLUGIN_FILE);
    return library;
}

template <class T> std::vector<T> ramp(std::size_t size) {
    std::vector<T> pixels(size);
    std::iota(pixels.begin(), pixels.end(), T{0});
    return pixels;
}

template <class T>
host::Outcome run(const std::string &algorithm, const std::string &parameters,
                  const std::vector<T> &pixels, const Shape &shape, Recorder &recorder,
                  unsigned threads = 1) {
    host::Request request{algorithm, "", parameters, {input("image", pixels, shape)}};
    request.threads = threads;
    return plugin().run(request, recorder);
}

std::string refusal(const host::Outcome &outcome) {
    return outcome.errors.empty() ? ""
                                  : outcome.errors[0].subject + ": " + outcome.errors[0].message;
}

Shape length(const Bytes &file) { return {static_cast<std::int64_t>(file.size())}; }

template <class T> Bytes png(const std::vector<T> &pixels, const Shape &shape) {
    Recorder recorder;
    return output<std::byte>(run("cpp.image_encode", "", pixels, shape, recorder), "y");
}

TEST(Png, ComesBackWhole) {
    for (const std::int64_t channels : {1, 2, 3, 4}) {
        const auto pixels = ramp<std::uint16_t>(static_cast<std::size_t>(5 * 7 * channels));
        const Bytes file = png(pixels, {5, 7, channels});
        Recorder recorder;
        const auto back = run("cpp.image_decode", "", file, length(file), recorder);
        const auto decoded = output<std::uint16_t>(back, "y");
        if (channels == 2) { // gray and alpha come as red, green, blue and alpha
            EXPECT_EQ(decoded.size(), 5U * 7 * 4);
        } else {
            EXPECT_EQ(decoded, pixels) << channels;
        }
    }
}

TEST(Files, CutAnywhereAreRefused) {
    const auto pixels = ramp<std::uint8_t>(16 * 16 * 3);
    for (const char *const format : {"png", "jpeg"}) {
        Recorder recorder;
        const Bytes file = output<std::byte>(run("cpp.image_encode",
                                                 R"({"format": ")" + std::string(format) + R"("})",
                                                 pixels, {16, 16, 3}, recorder),
                                             "y");
        for (std::size_t size = 1; size < file.size(); ++size) {
            const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
            const auto outcome = run("cpp.image_decode", "", cut, length(cut), recorder);
            ASSERT_EQ(outcome.status, EDGEMESH_INVALID_INPUT) << format << " " << size;
            ASSERT_EQ(outcome.errors[0].subject, "inputs.image");
        }
    }
}

TEST(Files, WithABrokenByteNeverCrash) {
    const auto pixels = ramp<std::uint8_t>(16 * 16 * 3);
    for (const char *const format : {"png", "jpeg"}) {
        Recorder recorder;
        const Bytes file = output<std::byte>(run("cpp.image_encode",
                                                 R"({"format": ")" + std::string(format) + R"("})",
                                                 pixels, {16, 16, 3}, recorder),
                                             "y");
        for (std::size_t at = 0; at < file.size(); ++at) {
            for (const unsigned flip : {0x01U, 0x80U, 0xffU}) {
                Bytes broken = file;
                broken[at] ^= static_cast<std::byte>(flip);
                Recorder one;
                const auto outcome = run("cpp.image_decode", R"({"max_pixels": 100000})", broken,
                                         length(broken), one);
                EXPECT_NE(outcome.status, EDGEMESH_FAILED) << refusal(outcome);
            }
        }
    }
}

TEST(Files, AreBoundedBeforeMemoryIsTaken) {
    const Bytes file = png(ramp<std::uint8_t>(100), {10, 10});
    Recorder recorder;
    EXPECT_EQ(
        refusal(run("cpp.image_decode", R"({"max_pixels": 99})", file, length(file), recorder)),
        "inputs.image: must have at most 99 pixels (max_pixels), has 10 x 10");
}

TEST(Files, MustBeNamedAsTheyAre) {
    const Bytes file = png(ramp<std::uint8_t>(4), {2, 2});
    auto tensor = input("image", file, length(file));
    tensor.media_type = "image/gif";
    Recorder recorder;
    EXPECT_EQ(refusal(plugin().run({"cpp.image_decode", "", "", {tensor}}, recorder)),
              "inputs.image: must be image/png or image/jpeg, is image/gif");
}

TEST(Cancelled, WhileDecoding) {
    const Bytes file = png(ramp<std::uint8_t>(100), {10, 10});
    Recorder recorder;
    recorder.cancel = true;
    EXPECT_EQ(run("cpp.image_decode", "", file, length(file), recorder).status, EDGEMESH_CANCELLED);
}

TEST(Resize, ByOneIsTheSame) {
    const auto pixels = ramp<float>(6 * 5 * 2);
    for (const char *const name : {"nearest", "linear", "cubic", "area", "lanczos4"}) {
        Recorder recorder;
        const auto parameters =
            R"({"dsize": [5, 6], "interpolation": ")" + std::string(name) + R"("})";
        EXPECT_EQ(output<float>(run("cpp.resize", parameters, pixels, {6, 5, 2}, recorder), "y"),
                  pixels)
            << name;
    }
}

TEST(Blur, OfOneColourIsThatColour) {
    const std::vector<std::uint8_t> pixels(31 * 33 * 3, 77);
    for (const unsigned threads : {1U, 2U, 4U, 1U}) {
        for (const char *const name : {"cpp.blur", "cpp.gaussian_blur"}) {
            Recorder recorder;
            EXPECT_EQ(
                output<std::uint8_t>(
                    run(name, R"({"ksize": [5, 3]})", pixels, {31, 33, 3}, recorder, threads), "y"),
                pixels);
        }
    }
}

TEST(Components, AreCounted) {
    const std::vector<std::uint8_t> pixels{1, 0, 0, 0, 1, 0, 0, 0, 0};
    Recorder recorder;
    const auto eight = run("cpp.connected_components", "", pixels, {3, 3}, recorder);
    EXPECT_EQ(eight.result, R"({"count":2})");
    const auto four =
        run("cpp.connected_components", R"({"connectivity": 4})", pixels, {3, 3}, recorder);
    EXPECT_EQ(four.result, R"({"count":3})");
    EXPECT_EQ(output<std::int32_t>(four, "stats").size(), 15U);
}

TEST(Refusals, NameTheField) {
    const std::vector<std::uint8_t> pixels(12);
    const auto refused = [&](const std::string &algorithm, const std::string &parameters,
                             const Shape &shape = {2, 2, 3}) {
        Recorder recorder;
        return refusal(run(algorithm, parameters, pixels, shape, recorder));
    };
    EXPECT_EQ(refused("cpp.resize", "{}"), "parameters.dsize: or fx and fy are required");
    EXPECT_EQ(refused("cpp.resize", R"({"fx": 1e300, "fy": 1})"),
              "parameters.fx: must give from 1 to 2^30 pixels of 2");
    EXPECT_EQ(refused("cpp.resize", R"({"dsize": [1000000, 1000000]})"),
              "parameters.dsize: must give an image of at most 2^30 pixels that fits into the "
              "memory, would give 1000000 x 1000000");
    EXPECT_EQ(refused("cpp.gaussian_blur", R"({"ksize": 4})"), "parameters.ksize: must be odd");
    EXPECT_EQ(refused("cpp.blur", R"({"ksize": [3, 0]})"),
              "parameters.ksize: must lie in 1 to 32767, is 0");
    EXPECT_EQ(refused("cpp.sobel", R"({"dx": 3, "ksize": 3})"),
              "parameters.dx: must be less than ksize, at most 2");
    EXPECT_EQ(refused("cpp.threshold", R"({"method": "otsu"})"),
              "inputs.image: must be of one channel of uint8 or uint16 for otsu");
    EXPECT_EQ(refused("cpp.morphology", R"({"op": "thin"})"),
              "parameters.op: must be erode, dilate, open, close, gradient, tophat or blackhat");
    EXPECT_EQ(refused("cpp.morphology", R"({"op": "open", "ksize": 1023, "iterations": 1000})"),
              "parameters.iterations: must reach no further than 32767 pixels, and 2^22 in both "
              "directions");
    EXPECT_EQ(refused("cpp.blur", R"({"ksize": 1})", {12}),
              "inputs.image: must have the shape [h, w] or [h, w, channels], has [12]");
}

} // namespace
