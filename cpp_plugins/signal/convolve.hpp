// The part of a convolution's full result that is wanted, and two ways to it.
#pragma once

#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace signals {

// a and b are in C order, of the same rank, at least 1. The result begins at `start` in the full
// convolution, and has the shape `wanted`.
template <class T> struct Convolution {
    const T *a;
    edgemesh::Shape a_shape;
    const T *b; // the smaller one
    edgemesh::Shape b_shape;
    edgemesh::Shape start, wanted;
};

// y: all zeros.
template <class T>
void convolve_direct(const edgemesh::Call &call, const Convolution<T> &task, T *y);
template <class T> void convolve_fft(const edgemesh::Call &call, const Convolution<T> &task, T *y);

// Nanoseconds that they take, roughly: which is the smaller one matters.
template <class T> double direct_time(const Convolution<T> &task);
template <class T> double fft_time(const Convolution<T> &task);

} // namespace signals
