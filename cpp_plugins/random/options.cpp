#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace random_numbers {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::Parameters;
using edgemesh::Shape;

SeedSequence seed(const Parameters &parameters) {
    std::vector<std::uint32_t> words;
    if (parameters.has("seed") && parameters.json()["seed"].is_array()) {
        for (const std::uint64_t one : parameters.get<std::vector<std::uint64_t>>("seed")) {
            append_words(one, words);
        }
    } else {
        append_words(parameters.get<std::uint64_t>("seed"), words);
    }
    return SeedSequence(words);
}

Shape shape(const edgemesh::Call &call, std::size_t element_bytes) {
    auto shape = call.parameters().get<std::vector<std::int64_t>>("shape", {});
    if (shape.size() > EDGEMESH_MAX_RANK) {
        throw InvalidInput("parameters.shape",
                           "must have at most " + std::to_string(EDGEMESH_MAX_RANK) + " lengths");
    }
    const std::uint64_t most =
        call.memory_bytes() == 0 ? std::uint64_t{1} << 62U : call.memory_bytes();
    std::uint64_t bytes = element_bytes;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] < 0) {
            throw InvalidInput("parameters.shape[" + std::to_string(i) + "]",
                               "must not be negative, is " + std::to_string(shape[i]));
        }
        const auto length = static_cast<std::uint64_t>(std::max<std::int64_t>(shape[i], 1));
        if (bytes > most / length) {
            throw InvalidInput("parameters.shape", "must take at most " + std::to_string(most) +
                                                       " bytes, lengths of 0 counted as 1");
        }
        bytes *= length;
    }
    return shape;
}

namespace {

// The greatest integer drawn. 2^63, which is no int64, may stand for the first one that is not.
std::int64_t greatest_of(const Parameters &parameters, bool included) {
    if (included) return parameters.get<std::int64_t>("high");
    const Json high = parameters.get<Json>("high");
    if (high.is_number_unsigned() && high.get<std::uint64_t>() == std::uint64_t{1} << 63U) {
        return std::numeric_limits<std::int64_t>::max();
    }
    const auto first_beyond = parameters.get<std::int64_t>("high");
    if (first_beyond == std::numeric_limits<std::int64_t>::min()) {
        throw InvalidInput("parameters.high", "must be greater than low");
    }
    return first_beyond - 1;
}

} // namespace

Range range(const Parameters &parameters, std::int64_t least, std::int64_t greatest) {
    const bool included = parameters.get<bool>("endpoint", false);
    const auto low = parameters.get<std::int64_t>("low", 0);
    const std::int64_t last = greatest_of(parameters, included);
    if (low < least || low > greatest) {
        throw InvalidInput("parameters.low", "must be of the type that dtype names");
    }
    if (last < low) {
        throw InvalidInput("parameters.high",
                           included ? "must not be less than low" : "must be greater than low");
    }
    if (last > greatest) {
        throw InvalidInput("parameters.high", "must not go beyond the type that dtype names");
    }
    return {low, static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(low)};
}

double number(const Parameters &parameters, const std::string &name, double otherwise) {
    const auto value = parameters.get<double>(name, otherwise);
    if (!std::isfinite(value)) throw InvalidInput(Parameters::field(name), "must be finite");
    return value;
}

std::string choice(const Parameters &parameters, const std::string &name,
                   const std::string &otherwise, const std::vector<std::string> &choices) {
    auto chosen = parameters.get<std::string>(name, otherwise);
    if (std::find(choices.begin(), choices.end(), chosen) != choices.end()) return chosen;
    std::string names;
    for (const std::string &one : choices) names += (names.empty() ? "" : ", ") + one;
    throw InvalidInput(Parameters::field(name), "must be one of " + names);
}

Json seed_schema() {
    const Json one{{"type", "integer"}, {"minimum", 0}};
    return {{"anyOf", {one, {{"type", "array"}, {"items", one}, {"maxItems", 1024}}}},
            {"description", "as numpy.random.SeedSequence takes it"}};
}
Json generator_schema() {
    return {{"enum", {"PCG64", "Philox"}},
            {"default", "PCG64"},
            {"description", "PCG64: as numpy.random.default_rng(seed); Philox: as "
                            "numpy.random.Generator(numpy.random.Philox(seed))"}};
}

} // namespace random_numbers
