// What the algorithms are asked for: seeds, shapes, and the range of integers.
#pragma once

#include <cstdint>
#include <string>

#include <edgemesh_plugin.hpp>

#include "seed_sequence.hpp"

namespace random_numbers {

// `seed`: an integer, or a list of them, none below 0.
SeedSequence seed(const edgemesh::Parameters &parameters);

// `shape`. InvalidInput for negative lengths, and for more elements than fit in memory.
edgemesh::Shape shape(const edgemesh::Call &call, std::size_t element_bytes);

// `low`, `high` and `endpoint`, of integers from `least` to `greatest`.
struct Range {
    std::int64_t low;
    std::uint64_t most; // high - low, high included
};
Range range(const edgemesh::Parameters &parameters, std::int64_t least, std::int64_t greatest);

// A finite number.
double number(const edgemesh::Parameters &parameters, const std::string &name, double otherwise);

// One of these.
std::string choice(const edgemesh::Parameters &parameters, const std::string &name,
                   const std::string &otherwise, const std::vector<std::string> &choices);

// Schemas of the parameters that algorithms share.
edgemesh::Json seed_schema();
edgemesh::Json generator_schema();

} // namespace random_numbers
