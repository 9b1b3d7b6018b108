// Against what is plain to see. The executor's tests compare with SciPy and NumPy.
#include <cmath>
#include <cstdint>
#include <limits>
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

const host::Library &plugin() {
    static const host::Library library(EDGEMESH_PLUGIN_FILE);
    return library;
}

std::string refusal(const host::Outcome &outcome) {
    return outcome.errors.empty() ? ""
                                  : outcome.errors[0].subject + ": " + outcome.errors[0].message;
}

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TEST(Knn, OnALine) {
    const std::vector<double> points{0, 10, 20, 30}, queries{11, -5};
    for (const unsigned threads : {1U, 3U}) {
        Recorder recorder;
        host::Request request{"cpp.knn",
                              "",
                              R"({"k": 3, "distance_upper_bound": 12})",
                              {input("points", points, {4, 1}), input("queries", queries, {2, 1})}};
        request.threads = threads;
        const auto outcome = plugin().run(request, recorder);
        EXPECT_EQ(output<double>(outcome, "distances"),
                  (std::vector<double>{1, 9, 11, 5, infinity, infinity}));
        EXPECT_EQ(output<std::int64_t>(outcome, "indices"),
                  (std::vector<std::int64_t>{1, 2, 0, 0, 4, 4}));
    }
}

TEST(Hull, OfASquare) {
    const std::vector<double> points{0, 0, 2, 0, 1, 1, 2, 2, 0, 2};
    Recorder recorder;
    const auto outcome =
        plugin().run({"cpp.convex_hull", "", "", {input("points", points, {5, 2})}}, recorder);
    EXPECT_EQ(outcome.result, R"({"area":8.0,"volume":4.0})");
    EXPECT_EQ(output<std::int32_t>(outcome, "vertices").size(), 4U);
}

TEST(Delaunay, OfASquareWithACentre) {
    const std::vector<float> points{0, 0, 2, 0, 1, 1, 2, 2, 0, 2};
    Recorder recorder;
    const auto outcome =
        plugin().run({"cpp.delaunay", "", "", {input("points", points, {5, 2})}}, recorder);
    EXPECT_EQ(output<std::int32_t>(outcome, "simplices").size(), 12U);
}

// Qhull would end the process, or print, if it were let.
TEST(Qhull, ReportsWhatItCannotDo) {
    const auto refused = [](const std::string &algorithm, const std::vector<double> &points,
                            const Shape &shape) {
        Recorder recorder;
        const auto outcome =
            plugin().run({algorithm, "", "", {input("points", points, shape)}}, recorder);
        return outcome.errors.empty() ? "" : outcome.errors[0].subject;
    };
    for (const char *const algorithm : {"cpp.convex_hull", "cpp.delaunay"}) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(refused(algorithm, {0, 0, 1, 1, 2, 2, 3, 3}, {4, 2}), "FlatPoints");
            // Qhull calls points that are all one an internal error.
            EXPECT_NE(refused(algorithm, std::vector<double>(12, 7.0), {4, 3}), "");
            EXPECT_EQ(refused(algorithm, {0, 0, 1, 1}, {2, 2}), "inputs.points");
            EXPECT_EQ(refused(algorithm, {0, 0, 1, 1, 2, nan}, {3, 2}), "inputs.points");
            EXPECT_EQ(refused(algorithm, {0, 0, 1, 1, 2, 3}, {6, 1}), "inputs.points");
        }
    }
}

TEST(Sort, PutsNanLast) {
    const std::vector<double> x{3, nan, 1, -infinity, nan, 2};
    Recorder recorder;
    const auto sorted = plugin().run({"cpp.sort", "", "", {input("x", x, {6})}}, recorder);
    const auto y = output<double>(sorted, "y");
    EXPECT_EQ(std::vector<double>(y.begin(), y.begin() + 4),
              (std::vector<double>{-infinity, 1, 2, 3}));
    EXPECT_TRUE(std::isnan(y[4]) && std::isnan(y[5]));
    const auto order = plugin().run({"cpp.argsort", "", "", {input("x", x, {6})}}, recorder);
    EXPECT_EQ(output<std::int64_t>(order, "y"), (std::vector<std::int64_t>{3, 2, 5, 0, 1, 4}));
}

TEST(Searchsorted, KnowsItsSides) {
    const std::vector<std::int32_t> a{1, 2, 2, 3}, v{2, 0, 4, 2, 3};
    Recorder recorder;
    const auto places = [&](const std::string &side) {
        return output<std::int64_t>(plugin().run({"cpp.searchsorted",
                                                  "",
                                                  R"({"side": ")" + side + R"("})",
                                                  {input("a", a, {4}), input("v", v, {5})}},
                                                 recorder),
                                    "y");
    };
    EXPECT_EQ(places("left"), (std::vector<std::int64_t>{1, 0, 4, 1, 3}));
    EXPECT_EQ(places("right"), (std::vector<std::int64_t>{3, 0, 4, 3, 4}));
}

TEST(Refusals, NameTheField) {
    const std::vector<double> points{0, 1, 2, 3};
    Recorder recorder;
    const auto knn = [&](const std::string &parameters, const Shape &queries) {
        return refusal(
            plugin().run({"cpp.knn",
                          "",
                          parameters,
                          {input("points", points, {2, 2}), input("queries", points, queries)}},
                         recorder));
    };
    EXPECT_EQ(knn(R"({"k": 0})", {2, 2}), "parameters.k: must be at least 1");
    EXPECT_EQ(knn(R"({"k": 1000000000000000000})", {2, 2}),
              "parameters.k: must give distances and indices that fit into the memory, is "
              "1000000000000000000");
    EXPECT_EQ(knn("{}", {4, 1}),
              "inputs.queries: must have as many dimensions as points, 2, has 1");
    EXPECT_EQ(knn(R"({"distance_upper_bound": -1})", {2, 2}),
              "parameters.distance_upper_bound: must not be negative");
    EXPECT_EQ(refusal(plugin().run({"cpp.sort", "", R"({"axis": 2})", {input("x", points, {2, 2})}},
                                   recorder)),
              "parameters.axis: must lie in -2 to 1, is 2");
}

} // namespace
