// The parameters s, axes and norm, as numpy.fft has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace fft {

enum class Direction { forward, inverse };

// The axes to transform, in the order they were named in, and the transform's length along each.
struct Axes {
    std::vector<std::size_t> chosen;
    std::vector<std::int64_t> lengths; // at least 1

    double points() const;
    // `shape` with these lengths.
    edgemesh::Shape apply_to(edgemesh::Shape shape) const;
    // Ascending.
    std::vector<std::size_t> sorted() const;
};

// halved: the last axis of x is the half of a real signal's spectrum, and the default is to go back
// to an even length. InvalidInput: axes out of range or named twice, or lengths below 1.
Axes axes(const edgemesh::Parameters &parameters, const edgemesh::Tensor &x, bool halved);

// The factor on each element, where `points` is the product of the transformed lengths.
double scale(const edgemesh::Parameters &parameters, Direction direction, double points);

} // namespace fft
