// Against the definition, on integers, which no rounding touches. The executor's tests compare
// with NumPy.
#include <complex>
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

template <class T> std::vector<T> integers(std::size_t size, int seed) {
    std::vector<T> numbers(size);
    for (std::size_t i = 0; i < size; ++i) {
        numbers[i] = static_cast<T>(
            static_cast<double>((i * 7 + static_cast<std::size_t>(seed)) % 11) - 5.0);
    }
    return numbers;
}

template <class T> class Matmul : public ::testing::Test {};
using Types = ::testing::Types<float, double, std::complex<float>, std::complex<double>>;
TYPED_TEST_SUITE(Matmul, Types);

TYPED_TEST(Matmul, MatchesTheDefinition) {
    for (const std::size_t n : {1, 2, 3, 7, 16, 33}) {
        for (const std::size_t k : {1, 5, 17}) {
            for (const std::size_t m : {1, 4, 9, 31}) {
                const auto a = integers<TypeParam>(n * k, 1), b = integers<TypeParam>(k * m, 2);
                std::vector<TypeParam> expected(n * m);
                for (std::size_t i = 0; i < n; ++i) {
                    for (std::size_t l = 0; l < k; ++l) {
                        for (std::size_t j = 0; j < m; ++j) {
                            expected[i * m + j] += a[i * k + l] * b[l * m + j];
                        }
                    }
                }
                Recorder recorder;
                const auto side = [](std::size_t length) {
                    return static_cast<std::int64_t>(length);
                };
                const host::Outcome outcome = plugin().run(
                    {"cpp.matmul",
                     "",
                     "",
                     {input("a", a, {side(n), side(k)}), input("b", b, {side(k), side(m)})}},
                    recorder);
                EXPECT_EQ(output<TypeParam>(outcome, "y"), expected) << n << " " << k << " " << m;
            }
        }
    }
}

std::string refusal(const Shape &shape_a, const Shape &shape_b) {
    const auto make = [](const Shape &shape) {
        std::size_t size = 1;
        for (const std::int64_t length : shape) size *= static_cast<std::size_t>(length);
        return std::vector<float>(size);
    };
    const auto a = make(shape_a), b = make(shape_b);
    Recorder recorder;
    const host::Outcome outcome = plugin().run(
        {"cpp.matmul", "", "", {input("a", a, shape_a), input("b", b, shape_b)}}, recorder);
    return outcome.errors.empty() ? ""
                                  : outcome.errors[0].subject + ": " + outcome.errors[0].message;
}

TEST(Refusals, NameTheField) {
    EXPECT_EQ(refusal({2, 3}, {2, 3}), "inputs.b: first dimension must be 3, as a's last, is 2");
    EXPECT_EQ(refusal({2, 3}, {5, 2, 3}),
              "inputs.b: second last dimension must be 3, as a's last, is 2");
    EXPECT_EQ(refusal({4, 2, 3}, {5, 3, 2}),
              "inputs.b: dimensions before the matrix must broadcast: 5 against a's 4");
    EXPECT_EQ(refusal({}, {3}), "inputs.a: must have at least one dimension");
    // No memory is behind such a shape, and BLAS counts in 32 bits.
    EXPECT_EQ(refusal({0, 2147483648}, {2147483648, 0}),
              "inputs.a: must have dimensions shorter than 2^31, has one of 2147483648");
}

TEST(Refusals, NameTheType) {
    const std::vector<float> a(1);
    const std::vector<double> b(1);
    Recorder recorder;
    const host::Outcome outcome = plugin().run(
        {"cpp.matmul", "", "", {input("a", a, {1, 1}), input("b", b, {1, 1})}}, recorder);
    ASSERT_EQ(outcome.status, EDGEMESH_INVALID_INPUT);
    EXPECT_EQ(outcome.errors[0].message, "must be float32, is float64");
}

TEST(Empty, GivesZerosOrNothing) {
    const std::vector<double> none;
    Recorder recorder;
    const auto run = [&](const Shape &a, const Shape &b) {
        return plugin().run({"cpp.matmul", "", "", {input("a", none, a), input("b", none, b)}},
                            recorder);
    };
    EXPECT_EQ(output<double>(run({2, 0}, {0, 3}), "y"), std::vector<double>(6));
    EXPECT_EQ(run({0, 5, 0}, {0, 3}).outputs[0].shape, (Shape{0, 5, 3}));
    // So many products of nothing must not be counted one by one.
    EXPECT_EQ(run({1LL << 50, 0, 0}, {0, 3}).outputs[0].shape, (Shape{1LL << 50, 0, 3}));
}

} // namespace
