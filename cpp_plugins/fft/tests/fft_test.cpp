// Against the definition, computed in long double. The executor's tests compare with NumPy.
#include <cmath>
#include <complex>
#include <random>
#include <string>
#include <utility>
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

std::vector<std::complex<long double>> dft(const std::vector<std::complex<double>> &x, int sign) {
    const std::size_t n = x.size();
    const long double turn = sign * 2 * std::acos(-1.0L) / static_cast<long double>(n);
    std::vector<std::complex<long double>> y(n);
    for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t i = 0; i < n; ++i) {
            y[k] += std::complex<long double>(x[i]) *
                    std::polar(1.0L, turn * static_cast<long double>(i * k % n));
        }
    }
    return y;
}

// The largest error in units of the precision's epsilon times the largest element's size.
template <class T>
double error(const std::vector<std::complex<T>> &got,
             const std::vector<std::complex<long double>> &expected, long double factor) {
    long double worst = 0, largest = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, std::abs(std::complex<long double>(got[i]) - expected[i] * factor));
        largest = std::max(largest, std::abs(expected[i] * factor));
    }
    return static_cast<double>(worst / largest) / std::numeric_limits<T>::epsilon();
}

class Lengths : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Lengths, MatchTheDefinition) {
    const std::size_t n = GetParam();
    std::mt19937_64 random(n);
    std::normal_distribution<float> normal;
    std::vector<std::complex<double>> complex(n), real(n);
    std::vector<std::complex<float>> complex_f(n);
    std::vector<double> plain(n);
    std::vector<float> plain_f(n);
    for (std::size_t i = 0; i < n; ++i) {
        complex_f[i] = {normal(random), normal(random)};
        complex[i] = complex_f[i];
        plain_f[i] = normal(random);
        real[i] = plain[i] = plain_f[i];
    }
    const edgemesh::Shape shape{static_cast<std::int64_t>(n)};
    const double tolerance = 3.0 + std::log2(static_cast<double>(n));
    for (const int sign : {-1, 1}) {
        Recorder recorder;
        const std::string name = sign < 0 ? "cpp.fft" : "cpp.ifft";
        const auto run = [&](const host::Input &x) {
            return plugin().run({name, "", "", {x}}, recorder);
        };
        const long double factor = sign < 0 ? 1.0L : 1.0L / static_cast<long double>(n);
        const auto of_complex = dft(complex, sign), of_real = dft(real, sign);
        using F = std::complex<float>;
        using D = std::complex<double>;
        EXPECT_LT(error(output<D>(run(input("x", complex, shape)), "y"), of_complex, factor),
                  tolerance);
        EXPECT_LT(error(output<F>(run(input("x", complex_f, shape)), "y"), of_complex, factor),
                  tolerance);
        EXPECT_LT(error(output<D>(run(input("x", plain, shape)), "y"), of_real, factor), tolerance);
        EXPECT_LT(error(output<F>(run(input("x", plain_f, shape)), "y"), of_real, factor),
                  tolerance);
    }
}
INSTANTIATE_TEST_SUITE_P(Short, Lengths, ::testing::Range<std::size_t>(1, 65));
INSTANTIATE_TEST_SUITE_P(Long, Lengths, ::testing::Values(97, 101, 127, 128, 243, 256, 509, 512));

// Mostly for AddressSanitizer: every way that an array of several dimensions is walked.
TEST(SeveralDimensions, ComeBack) {
    const std::vector<std::pair<edgemesh::Shape, std::string>> cases{
        {{3, 4, 5}, "[0, 1, 2]"},    {{3, 4, 5}, "[0, 1]"},       {{170, 200}, "[0, 1]"},
        {{171, 201}, "[0]"},         {{40, 30, 31}, "[0, 1, 2]"}, {{40, 30, 32}, "[0, 2]"},
        {{40, 30, 31}, "[0, 1]"},    {{1, 40000, 1}, "[1]"},      {{6000, 2, 3}, "[0, 2]"},
        {{9, 8, 8, 64}, "[0, 1, 3]"}};
    for (const auto &[shape, axes] : cases) {
        std::size_t size = 1;
        for (const std::int64_t length : shape) size *= static_cast<std::size_t>(length);
        std::vector<double> x(size);
        for (std::size_t i = 0; i < size; ++i) x[i] = static_cast<double>(i % 31) - 15.0;
        Recorder recorder;
        const std::string parameters = "{\"axes\": " + axes + "}";
        const auto there =
            plugin().run({"cpp.fft", "", parameters, {input("x", x, shape)}}, recorder);
        const auto y = output<std::complex<double>>(there, "y");
        const auto back =
            plugin().run({"cpp.ifft", "", parameters, {input("x", y, shape)}}, recorder);
        const auto z = output<std::complex<double>>(back, "y");
        double worst = 0;
        for (std::size_t i = 0; i < size; ++i) worst = std::max(worst, std::abs(z[i] - x[i]));
        EXPECT_LT(worst, 1e-12) << edgemesh::shape_text(shape) << " " << axes;
    }
}

std::string refusal(const std::string &parameters, const host::Input &x) {
    Recorder recorder;
    const host::Outcome outcome = plugin().run({"cpp.fft", "", parameters, {x}}, recorder);
    return outcome.errors.empty() ? ""
                                  : outcome.errors[0].subject + ": " + outcome.errors[0].message;
}

TEST(Refusals, NameTheField) {
    const std::vector<double> x(6);
    const std::vector<std::int32_t> integers(6);
    const host::Input matrix = input("x", x, {2, 3});
    EXPECT_EQ(refusal("{\"axes\": [0, 2]}", matrix),
              "parameters.axes[1]: must lie in -2 to 1, is 2");
    EXPECT_EQ(refusal("{\"axes\": [-3]}", matrix),
              "parameters.axes[0]: must lie in -2 to 1, is -3");
    EXPECT_EQ(refusal("{\"axes\": [-9223372036854775808]}", matrix),
              "parameters.axes[0]: must lie in -2 to 1, is -9223372036854775808");
    EXPECT_EQ(refusal("{\"axes\": [1, -1]}", matrix),
              "parameters.axes[1]: names an axis that was named before");
    EXPECT_EQ(refusal("{\"axes\": []}", matrix), "parameters.axes: must not be empty");
    EXPECT_EQ(refusal("{\"norm\": \"loud\"}", matrix),
              "parameters.norm: must be backward, ortho or forward");
    EXPECT_EQ(refusal("", input("x", integers, {6})),
              "inputs.x: must be float32, float64, complex64 or complex128, is int32");
    EXPECT_EQ(refusal("", input("x", std::vector<double>(1), {})),
              "inputs.x: must have at least one dimension");
    EXPECT_EQ(refusal("", input("x", std::vector<double>(), {2, 0})),
              "inputs.x: must not be empty, has the shape [2, 0]");
}

TEST(Input, IsLeftAsItWas) {
    std::vector<std::complex<double>> x(30);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    const auto before = x;
    Recorder recorder;
    plugin().run({"cpp.ifft", "", "{\"axes\": [0, 2]}", {input("x", x, {2, 3, 5})}}, recorder);
    EXPECT_EQ(x, before);
}

} // namespace
