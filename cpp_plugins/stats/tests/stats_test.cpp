// Small data whose statistics are known, and bad input. The executor's tests compare with NumPy,
// SciPy and scikit-learn.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin_testing.hpp>

namespace host = edgemesh::host;
using edgemesh::Shape;
using edgemesh::testing::input;
using edgemesh::testing::output;
using edgemesh::testing::Recorder;

namespace {

class Stats : public ::testing::Test {
  protected:
    using Numbers = std::vector<double>;

    host::Outcome run(const std::string &algorithm, const std::string &parameters,
                      std::vector<host::Input> inputs) {
        static const host::Library library(EDGEMESH_PLUGIN_FILE);
        return library.run({algorithm, "", parameters, std::move(inputs)}, recorder_);
    }
    Recorder recorder_;
};

TEST_F(Stats, OfSmallData) {
    const Numbers a{1, 2, 3, 4, 10};
    const auto described = run("cpp.describe", "", {input("a", a, {5})});
    EXPECT_EQ(output<double>(described, "mean"), Numbers{4});
    EXPECT_EQ(output<double>(described, "variance"), Numbers{12.5});
    EXPECT_EQ(described.result, R"({"nobs":5})");
    EXPECT_EQ(
        output<double>(run("cpp.quantile", R"({"q": [0, 0.5, 1]})", {input("a", a, {5})}), "y"),
        (Numbers{1, 3, 10}));
    EXPECT_EQ(
        output<std::int64_t>(run("cpp.histogram", R"({"bins": 3})", {input("a", a, {5})}), "hist"),
        (std::vector<std::int64_t>{3, 1, 1}));
    EXPECT_EQ(output<double>(run("cpp.cov", "", {input("m", a, {5})}), "y"), Numbers{12.5});
}

TEST_F(Stats, OfTwoClusters) {
    const Numbers x{0, 0, 0, 1, 9, 9, 9, 10}, start{0, 0, 9, 9};
    const auto outcome = run("cpp.kmeans", R"({"n_clusters": 2})",
                             {input("x", x, {4, 2}), input("init", start, {2, 2})});
    EXPECT_EQ(output<double>(outcome, "centers"), (Numbers{0, 0.5, 9, 9.5}));
    EXPECT_EQ(output<std::int32_t>(outcome, "labels"), (std::vector<std::int32_t>{0, 0, 1, 1}));
    EXPECT_FALSE(recorder_.steps.empty());
}

TEST_F(Stats, OfALine) {
    const Numbers x{1, 2, 3, 4}, y{3, 5, 7, 9};
    const auto outcome =
        run("cpp.linear_regression", "", {input("x", x, {4, 1}), input("y", y, {4})});
    EXPECT_NEAR(output<double>(outcome, "coefficients").at(0), 2, 1e-12);
    EXPECT_NEAR(
        std::abs(output<double>(run("cpp.pca", "", {input("x", x, {2, 2})}), "components").at(0)),
        std::sqrt(0.5), 1e-12);
}

TEST_F(Stats, EveryShapeStaysInBounds) {
    for (const std::int64_t rows : {1, 2, 3, 17}) {
        for (const std::int64_t columns : {1, 2, 9}) {
            const Numbers a(static_cast<std::size_t>(rows * columns), 0.5);
            for (const char *const axis : {"0", "1", "null"}) {
                const std::string parameters =
                    std::string(R"({"q": [0, 0.3, 1], "axis": )") + axis + "}";
                EXPECT_EQ(run("cpp.quantile", parameters, {input("a", a, {rows, columns})}).status,
                          EDGEMESH_OK);
            }
            EXPECT_EQ(
                run("cpp.kmeans", R"({"n_clusters": 1})", {input("x", a, {rows, columns})}).status,
                EDGEMESH_OK);
        }
    }
}

TEST_F(Stats, RefusesBadInput) {
    const Numbers a{1, 2, NAN};
    EXPECT_EQ(run("cpp.histogram", "", {input("a", a, {3})}).errors.at(0).subject, "inputs.a");
    EXPECT_EQ(run("cpp.histogram", R"({"bins": 4611686018427387904})", {input("a", a, {3})})
                  .errors.at(0)
                  .subject,
              "parameters.bins");
    EXPECT_EQ(run("cpp.quantile", R"({"q": 2})", {input("a", a, {3})}).errors.at(0).subject,
              "parameters.q");
    EXPECT_EQ(run("cpp.pca", "", {input("x", a, {3, 1})}).errors.at(0).subject, "inputs.x");
}

} // namespace
