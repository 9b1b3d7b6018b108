// Decompositions of matrices whose factors are known exactly, and what is refused. The executor's
// tests compare with NumPy and SciPy.
#include <cmath>
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

class Decompositions : public ::testing::Test {
  protected:
    using Numbers = std::vector<double>;

    host::Outcome run(const std::string &algorithm, const Numbers &a, const Shape &shape,
                      const std::string &parameters = "") {
        static const host::Library library(EDGEMESH_PLUGIN_FILE);
        return library.run({algorithm, "", parameters, {input("a", a, shape)}}, recorder_);
    }
    static void near(const Numbers &found, const Numbers &expected) {
        ASSERT_EQ(found.size(), expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12);
    }
    Recorder recorder_;
};

TEST_F(Decompositions, OfOneMatrix) {
    near(output<double>(run("cpp.cholesky", {4, 2, 2, 10}, {2, 2}), "y"), {2, 0, 1, 3});
    near(output<double>(run("cpp.cholesky", {4, 2, 2, 10}, {2, 2}, R"({"upper": true})"), "y"),
         {2, 1, 0, 3});
    near(output<double>(run("cpp.inv", {1, 2, 0, 4}, {2, 2}), "y"), {1, -0.5, 0, 0.25});
    near(output<double>(run("cpp.det", {1, 2, 3, 4}, {2, 2}), "y"), {-2});
    near(output<double>(run("cpp.svd", {3, 0, 0, 0, -5, 0}, {2, 3}), "s"), {5, 3});
    near(output<double>(run("cpp.eigh", {2, 1, 1, 2}, {2, 2}), "w"), {1, 3});
    near(output<double>(run("cpp.expm", {0, 2, 0, 0}, {2, 2}), "y"), {1, 2, 0, 1});
    near(output<double>(run("cpp.qr", {3, 1, 4, 1}, {2, 2}, R"({"mode": "r"})"), "r"),
         {-5, -1.4, 0, -0.2});
}

TEST_F(Decompositions, OfEveryRectangleStayInBounds) {
    for (const std::int64_t rows : {0, 1, 2, 5, 17}) {
        for (const std::int64_t columns : {0, 1, 3, 16}) {
            const Numbers a(static_cast<std::size_t>(2 * rows * columns), 1.0);
            for (const char *const parameters :
                 {R"({"mode": "reduced"})", R"({"mode": "complete"})", R"({"mode": "r"})",
                  R"({"mode": "raw"})"}) {
                EXPECT_EQ(run("cpp.qr", a, {2, rows, columns}, parameters).status, EDGEMESH_OK);
            }
            for (const char *const parameters :
                 {"", R"({"full_matrices": false})", R"({"compute_uv": false})"}) {
                EXPECT_EQ(run("cpp.svd", a, {2, rows, columns}, parameters).status, EDGEMESH_OK);
            }
        }
    }
}

TEST_F(Decompositions, WithoutAnAnswerSayWhy) {
    const auto type = [&](const std::string &algorithm, const Numbers &a) {
        return run(algorithm, a, {2, 2}).errors.at(0).subject;
    };
    EXPECT_EQ(type("cpp.inv", {1, 2, 2, 4}), "SingularMatrix");
    EXPECT_EQ(type("cpp.cholesky", {1, 2, 2, 1}), "NotPositiveDefinite");
    EXPECT_EQ(type("cpp.svd", {1, 2, 2, NAN}), "inputs.a");
    EXPECT_EQ(type("cpp.eig", {1, 2, 2, INFINITY}), "inputs.a");
}

} // namespace
