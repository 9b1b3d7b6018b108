// A few cases against the definition, mostly for the sanitizers. The executor's tests compare with
// SciPy.
#include <complex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

const host::Library &plugin() {
    static const host::Library library(EDGEMESH_PLUGIN_FILE);
    return library;
}

std::vector<double> numbers(std::size_t count) {
    std::vector<double> x(count);
    for (std::size_t i = 0; i < count; ++i) x[i] = static_cast<double>(i * i % 17) - 8.0;
    return x;
}

edgemesh::Shape shape(const std::vector<double> &x) {
    return {static_cast<std::int64_t>(x.size())};
}

TEST(Convolve, MatchesTheDefinition) {
    for (const std::size_t first : {1, 2, 7, 64, 1000, 9000}) {
        for (const std::size_t second : {1, 3, 33, 200}) {
            const auto a = numbers(first), b = numbers(second);
            std::vector<double> expected(first + second - 1);
            for (std::size_t i = 0; i < first; ++i) {
                for (std::size_t k = 0; k < second; ++k) expected[i + k] += a[i] * b[k];
            }
            for (const std::string method : {"direct", "fft", "auto"}) {
                Recorder recorder;
                const auto outcome =
                    plugin().run({"cpp.convolve",
                                  "",
                                  "{\"method\": \"" + method + "\"}",
                                  {input("in1", a, shape(a)), input("in2", b, shape(b))}},
                                 recorder);
                const auto y = output<double>(outcome, "y");
                ASSERT_EQ(y.size(), expected.size());
                for (std::size_t i = 0; i < y.size(); ++i) {
                    ASSERT_NEAR(y[i], expected[i], 1e-8) << method << " " << first << " " << second;
                }
            }
        }
    }
}

TEST(Stft, ComesBack) {
    for (const std::size_t length : {2, 3, 100, 257, 1000}) {
        const auto x = numbers(length);
        Recorder recorder;
        const std::string how =
            "{\"nperseg\": " + std::to_string(std::min<std::size_t>(length, 50)) + "}";
        const auto there = plugin().run({"cpp.stft", "", how, {input("x", x, shape(x))}}, recorder);
        const auto z = output<std::complex<double>>(there, "Zxx");
        const auto bins = static_cast<std::int64_t>(output<double>(there, "f").size());
        const auto times = static_cast<std::int64_t>(output<double>(there, "t").size());
        const auto back =
            plugin().run({"cpp.istft", "", how, {input("Zxx", z, {bins, times})}}, recorder);
        const auto y = output<double>(back, "x");
        ASSERT_GE(y.size(), length - 1);
        for (std::size_t i = 0; i < std::min(length, y.size()); ++i) ASSERT_NEAR(y[i], x[i], 1e-12);
    }
}

TEST(Resample, EveryPaddingAndRatio) {
    for (const std::string padtype :
         {"constant", "edge", "wrap", "symmetric", "reflect", "smooth", "line", "antisymmetric",
          "antireflect", "mean", "median", "minimum", "maximum"}) {
        for (const std::size_t length : {1, 2, 3, 50}) {
            for (const std::string ratio : {"\"up\": 3, \"down\": 2", "\"up\": 1, \"down\": 7"}) {
                const auto x = numbers(length);
                Recorder recorder;
                const auto outcome =
                    plugin().run({"cpp.resample_poly",
                                  "",
                                  "{" + ratio + ", \"padtype\": \"" + padtype + "\"}",
                                  {input("x", x, shape(x))}},
                                 recorder);
                EXPECT_FALSE(output<double>(outcome, "y").empty());
            }
        }
    }
}

TEST(Peaks, HaveProperties) {
    const std::vector<double> x{0, 2, 1, 3, 3, 0, 1, 0};
    Recorder recorder;
    const auto outcome = plugin().run({"cpp.find_peaks",
                                       "",
                                       "{\"width\": 0, \"plateau_size\": 1, \"distance\": 2}",
                                       {input("x", x, shape(x))}},
                                      recorder);
    EXPECT_EQ(output<std::int64_t>(outcome, "peaks"), (std::vector<std::int64_t>{1, 3, 6}));
    EXPECT_EQ(output<double>(outcome, "prominences"), (std::vector<double>{1, 3, 1}));
}

TEST(Everything, TakesShortSignals) {
    for (const std::string name : {"stft", "welch", "periodogram", "hilbert", "find_peaks"}) {
        for (std::size_t length = 1; length < 12; ++length) {
            const auto x = numbers(length);
            Recorder recorder;
            const auto outcome =
                plugin().run({"cpp." + name, "", "", {input("x", x, shape(x))}}, recorder);
            EXPECT_TRUE(outcome.errors.empty()) << name << " " << length;
        }
    }
}

} // namespace
