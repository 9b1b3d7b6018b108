// cpp.random and cpp.permutation: NumPy's numbers for NumPy's seeds. Numbers are drawn in C order,
// one after the other, by one thread: that is what makes them NumPy's.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>

#include <edgemesh_plugin.hpp>

#include "generators.hpp"
#include "integers.hpp"
#include "options.hpp"
#include "ziggurat.hpp"

namespace random_numbers {
namespace {

// with(bits) of the generator that was asked for.
template <class With> void with_generator(const edgemesh::Call &call, With &&with) {
    const SeedSequence sequence = seed(call.parameters());
    if (choice(call.parameters(), "generator", "PCG64", {"PCG64", "Philox"}) == "PCG64") {
        Bits<Pcg64> bits(sequence);
        with(bits);
    } else {
        Bits<Philox> bits(sequence);
        with(bits);
    }
}

// A piece at a time, so that the caller may go.
template <class T, class Draw>
void fill(const edgemesh::Call &call, const edgemesh::View<T> &y, Draw &&draw) {
    constexpr std::size_t piece = std::size_t{1} << 18U;
    for (std::size_t begin = 0; begin < y.size(); begin += piece) {
        call.check_cancelled();
        const std::size_t end = std::min(begin + piece, y.size());
        for (std::size_t i = begin; i < end; ++i) y[i] = draw();
    }
}

template <class Real> void draw_reals(edgemesh::Call &call, const std::string &distribution) {
    const edgemesh::Parameters &parameters = call.parameters();
    const bool is_uniform = distribution == "uniform";
    const auto loc = static_cast<Real>(number(parameters, "loc", 0.0));
    const auto scale = static_cast<Real>(number(parameters, "scale", 1.0));
    const auto low = static_cast<Real>(number(parameters, "low", 0.0));
    const Real width = static_cast<Real>(number(parameters, "high", 1.0)) - low;
    if (!(scale >= 0)) throw edgemesh::InvalidInput("parameters.scale", "must not be negative");
    if (is_uniform && !(width >= 0 && width <= std::numeric_limits<Real>::max())) {
        throw edgemesh::InvalidInput("parameters.high",
                                     "must not be less than low, and high - low must be finite");
    }
    const auto y = call.output<Real>("y", shape(call, sizeof(Real)));
    with_generator(call, [&](auto &bits) {
        if (is_uniform) {
            fill(call, y, [&] { return low + width * bits.template next<Real>(); });
        } else if (distribution == "normal") {
            fill(call, y, [&] { return loc + scale * standard_normal<Real>(bits); });
        } else {
            fill(call, y, [&] { return scale * standard_exponential<Real>(bits); });
        }
    });
}

template <class Integer> void draw_integers(edgemesh::Call &call) {
    using Limits = std::numeric_limits<Integer>;
    const Range within = range(call.parameters(), Limits::min(), Limits::max());
    const auto y = call.output<Integer>("y", shape(call, sizeof(Integer)));
    with_generator(call, [&](auto &bits) {
        const Integers draw(within.most);
        const auto low = static_cast<std::uint64_t>(within.low);
        fill(call, y, [&] { return static_cast<Integer>(low + draw(bits)); });
    });
}

void run_random(edgemesh::Call &call) {
    const edgemesh::Parameters &parameters = call.parameters();
    const std::string distribution = choice(parameters, "distribution", "uniform",
                                            {"uniform", "normal", "exponential", "integers"});
    const bool integers = distribution == "integers";
    // Parameters of other distributions are mistakes.
    const auto refuse = [&](const char *name, bool serves) {
        if (!serves && parameters.has(name)) {
            throw edgemesh::InvalidInput(edgemesh::Parameters::field(name),
                                         "is no parameter of the distribution " + distribution);
        }
    };
    refuse("loc", distribution == "normal");
    refuse("scale", distribution == "normal" || distribution == "exponential");
    refuse("low", distribution == "uniform" || integers);
    refuse("high", distribution == "uniform" || integers);
    refuse("endpoint", integers);
    if (integers) {
        if (choice(parameters, "dtype", "int64", {"int64", "int32"}) == "int64") {
            draw_integers<std::int64_t>(call);
        } else {
            draw_integers<std::int32_t>(call);
        }
    } else if (choice(parameters, "dtype", "float64", {"float64", "float32"}) == "float64") {
        draw_reals<double>(call, distribution);
    } else {
        draw_reals<float>(call, distribution);
    }
}

// Fisher and Yates', from the end, as Generator.permutation(n) shuffles.
void run_permutation(edgemesh::Call &call) {
    const auto n = call.parameters().get<std::int64_t>("n");
    const std::uint64_t most =
        call.memory_bytes() == 0 ? std::uint64_t{1} << 62U : call.memory_bytes();
    if (n < 0 || static_cast<std::uint64_t>(n) > most / sizeof(std::int64_t)) {
        throw edgemesh::InvalidInput("parameters.n", "must not be negative, and 8 n bytes must "
                                                     "fit in memory");
    }
    const auto y = call.output<std::int64_t>("y", {n});
    std::iota(y.begin(), y.end(), std::int64_t{0});
    with_generator(call, [&](auto &bits) {
        for (std::size_t i = y.size(); i-- > 1;) {
            if (i % (std::size_t{1} << 18U) == 0) call.check_cancelled();
            std::swap(y[integer_by_mask(bits, i)], y[i]);
        }
    });
}

} // namespace
} // namespace random_numbers

using edgemesh::Json;

EDGEMESH_PLUGIN(
    "random", "1.0.0",
    edgemesh::Algorithm("cpp.random", "1")
        .about("Random numbers, the same as numpy.random.Generator's for the same seed: random and "
               "uniform, normal (ziggurat), exponential, integers (Lemire); by PCG64 or Philox.")
        .required_parameter("seed", random_numbers::seed_schema())
        .parameter("generator", random_numbers::generator_schema())
        .parameter("distribution", Json{{"enum", {"uniform", "normal", "exponential", "integers"}},
                                        {"default", "uniform"}})
        .parameter("shape", Json{{"type", "array"},
                                 {"items", {{"type", "integer"}, {"minimum", 0}}},
                                 {"maxItems", EDGEMESH_MAX_RANK},
                                 {"default", Json::array()},
                                 {"description", "a single number if empty"}})
        .parameter("dtype", Json{{"enum", {"float64", "float32", "int64", "int32"}},
                                 {"description", "default: int64 for integers, else float64"}})
        .parameter("low", Json{{"type", "number"},
                               {"default", 0},
                               {"description", "uniform, integers: the least"}})
        .parameter("high", Json{{"type", "number"},
                                {"description", "uniform: the bound above, 1 by default; integers: "
                                                "the first that is too large"}})
        .parameter("endpoint", Json{{"type", "boolean"},
                                    {"default", false},
                                    {"description", "integers: high may be drawn too"}})
        .parameter("loc",
                   Json{{"type", "number"}, {"default", 0}, {"description", "normal: the mean"}})
        .parameter("scale", Json{{"type", "number"},
                                 {"minimum", 0},
                                 {"default", 1},
                                 {"description", "normal: the standard deviation; exponential: the "
                                                 "mean"}})
        .output(edgemesh::TensorSpec("y")
                    .of<double, float, std::int64_t, std::int32_t>()
                    .any_rank()
                    .allow_empty()
                    .about("of the shape and dtype asked for"))
        .run(random_numbers::run_random),
    edgemesh::Algorithm("cpp.permutation", "1")
        .about("The integers below n in random order, the same as numpy.random.Generator's "
               "permutation(n) for the same seed; by PCG64 or Philox.")
        .required_parameter("seed", random_numbers::seed_schema())
        .required_parameter("n", Json{{"type", "integer"}, {"minimum", 0}})
        .parameter("generator", random_numbers::generator_schema())
        .output(edgemesh::TensorSpec("y").of<std::int64_t>().shape({-1}).allow_empty().about("[n]"))
        .run(random_numbers::run_permutation))
