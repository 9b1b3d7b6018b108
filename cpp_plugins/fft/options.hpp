// The parameters that fft and ifft share, after numpy.fft.fftn: `axes` and `norm`.
#pragma once

#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace fft {

enum class Direction { forward, inverse };

// The axes to transform, ascending, each once; all if none are named. Negative ones count from
// the end. InvalidInput: out of range, twice, or none at all.
std::vector<std::size_t> axes(const edgemesh::Parameters &parameters, std::size_t rank);

// What every element is multiplied by. points: the product of the transformed lengths.
double scale(const edgemesh::Parameters &parameters, Direction direction, double points);

} // namespace fft
