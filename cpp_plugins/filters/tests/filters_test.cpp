// A few cases against the definition, mostly for the sanitizers. The executor's tests compare with
// SciPy.
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

edgemesh::Shape shape(const std::vector<double> &x) {
    return {static_cast<std::int64_t>(x.size())};
}

TEST(Lfilter, MatchesTheDefinition) {
    for (std::size_t taps = 1; taps < 12; ++taps) {
        for (std::size_t poles = 1; poles < 12; ++poles) {
            for (const std::size_t length : {1, 5, 40}) {
                std::vector<double> b(taps, 0.5), a(poles, 0.05), x(length), expected(length);
                a[0] = 2;
                for (std::size_t i = 0; i < length; ++i) x[i] = static_cast<double>(i % 7) - 3.0;
                for (std::size_t n = 0; n < length; ++n) {
                    for (std::size_t k = 0; k < taps && k <= n; ++k) expected[n] += b[k] * x[n - k];
                    for (std::size_t k = 1; k < poles && k <= n; ++k) {
                        expected[n] -= a[k] * expected[n - k];
                    }
                    expected[n] /= a[0];
                }
                Recorder recorder;
                const auto outcome = plugin().run(
                    {"cpp.lfilter",
                     "",
                     "",
                     {input("b", b, shape(b)), input("a", a, shape(a)), input("x", x, shape(x))}},
                    recorder);
                const auto y = output<double>(outcome, "y");
                for (std::size_t n = 0; n < length; ++n) ASSERT_NEAR(y[n], expected[n], 1e-12);
            }
        }
    }
}

TEST(Sections, GoOnWhereTheyEnded) {
    for (std::size_t sections = 1; sections < 10; ++sections) {
        std::vector<double> sos, x(50, 1.0);
        for (std::size_t i = 0; i < sections; ++i) {
            sos.insert(sos.end(), {0.2, 0.3, 0.1, 1.0, -0.5, 0.2});
        }
        const host::Input filter = input("sos", sos, {static_cast<std::int64_t>(sections), 6});
        Recorder recorder;
        const auto whole =
            plugin().run({"cpp.sosfilt", "", "", {filter, input("x", x, {50})}}, recorder);
        const std::vector<double> head(20, 1.0), tail(30, 1.0);
        const auto one =
            plugin().run({"cpp.sosfilt", "", "", {filter, input("x", head, {20})}}, recorder);
        const auto state = output<double>(one, "zf");
        const auto other =
            plugin().run({"cpp.sosfilt",
                          "",
                          "",
                          {filter, input("x", tail, {30}),
                           input("zi", state, {static_cast<std::int64_t>(sections), 2})}},
                         recorder);
        EXPECT_EQ(output<double>(other, "y").back(), output<double>(whole, "y").back());
    }
}

TEST(ThereAndBack, KeepsAConstant) {
    const std::vector<double> b{0.25, 0.25}, a{1, -0.5}, x(40, 3.0);
    for (const std::string padtype : {"odd", "even", "constant"}) {
        Recorder recorder;
        const auto outcome =
            plugin().run({"cpp.filtfilt",
                          "",
                          "{\"padtype\": \"" + padtype + "\"}",
                          {input("b", b, {2}), input("a", a, {2}), input("x", x, {40})}},
                         recorder);
        for (const double y : output<double>(outcome, "y")) EXPECT_NEAR(y, 3.0, 1e-12);
    }
}

} // namespace
