// cpp.edit_distance: rapidfuzz.distance.Levenshtein's distance and normalized_distance, of one
// string to many.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "../parallel/parallel.hpp"
#include "algorithms.hpp"
#include "levenshtein.hpp"
#include "strings.hpp"

namespace text {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max() / 4;

Weights read_weights(const edgemesh::Call &call) {
    const auto weights = call.parameters().find<std::vector<std::int64_t>>("weights");
    if (!weights) return {};
    if (weights->size() != 3) {
        throw InvalidInput("parameters.weights", "must be [insertion, deletion, substitution]");
    }
    for (std::size_t i = 0; i < 3; ++i) {
        if ((*weights)[i] >= 0 && (*weights)[i] <= 1'000'000) continue;
        throw InvalidInput("parameters.weights[" + std::to_string(i) + "]",
                           "must lie in 0 to 1000000");
    }
    return {(*weights)[0], (*weights)[1], (*weights)[2]};
}

void run(edgemesh::Call &call) {
    const Strings strings(call);
    const std::u32string query =
        code_points(call.parameters().get<std::string>("query"), "parameters.query");
    const Weights weights = read_weights(call);
    const bool normalized = call.parameters().get<bool>("normalized", false);
    const auto given = call.parameters().find<double>("score_cutoff");
    if (given && !(*given >= 0)) {
        throw InvalidInput("parameters.score_cutoff", "must not be negative");
    }
    const Levenshtein levenshtein(query, weights);
    const auto each = [&](auto &&take) {
        parallel::over(call, strings.size(), 256, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) {
                call.check_cancelled();
                take(i, code_points(strings[i], strings.field(i)));
            }
        });
    };
    const edgemesh::Shape shape{static_cast<std::int64_t>(strings.size())};
    if (normalized) {
        const double cutoff = given.value_or(1.0);
        const auto y = call.output<double>("y", shape);
        each([&](std::size_t i, const std::u32string &string) {
            const std::int64_t most = most_distance(query.size(), string.size(), weights);
            const auto most_edits = std::min(std::ceil(cutoff * static_cast<double>(most)),
                                             static_cast<double>(unbounded));
            const std::int64_t distance =
                levenshtein.distance(call, string, static_cast<std::int64_t>(most_edits));
            const double share =
                most == 0 ? 0.0 : static_cast<double>(distance) / static_cast<double>(most);
            y[i] = share <= cutoff ? share : 1.0;
        });
        return;
    }
    const std::int64_t cutoff =
        given ? call.parameters().get<std::int64_t>("score_cutoff") : unbounded;
    if (cutoff > unbounded) {
        throw InvalidInput("parameters.score_cutoff", "must be at most 2^61");
    }
    const auto y = call.output<std::int64_t>("y", shape);
    each([&](std::size_t i, const std::u32string &string) {
        y[i] = std::min(levenshtein.distance(call, string, cutoff), cutoff + 1);
    });
}

} // namespace

edgemesh::Algorithm edit_distance() {
    return with_strings(
               edgemesh::Algorithm("cpp.edit_distance", "1")
                   .about("The Levenshtein distance of one string to each of many, by code points, "
                          "as rapidfuzz.distance.Levenshtein.distance and normalized_distance; by "
                          "Myers' bit-parallel algorithm where all edits cost the same."))
        .required_parameter("query", Json{{"type", "string"}})
        .parameter("weights", Json{{"type", "array"},
                                   {"items", {{"type", "integer"}, {"minimum", 0}}},
                                   {"minItems", 3},
                                   {"maxItems", 3},
                                   {"default", {1, 1, 1}},
                                   {"description", "[insertion, deletion, substitution] of a "
                                                   "character, on the way from query"}})
        .parameter("normalized", Json{{"type", "boolean"},
                                      {"default", false},
                                      {"description", "divide by the most there could be"}})
        .parameter("score_cutoff", Json{{"type", "number"},
                                        {"minimum", 0},
                                        {"description", "what is more is this and 1, or 1.0 if "
                                                        "normalized; it saves time"}})
        .output(
            edgemesh::TensorSpec("y").of<std::int64_t, double>().shape({-1}).allow_empty().about(
                "[n]; float64 if normalized"))
        .run(run);
}

} // namespace text
