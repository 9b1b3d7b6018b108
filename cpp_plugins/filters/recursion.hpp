// A linear filter, in the direct form II transposed, as scipy.signal.lfilter has it:
//
//   a[0] y[n] = b[0] x[n] + ... + b[k] x[n-k] - a[1] y[n-1] - ... - a[k] y[n-k]
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "fir.hpp"
#include "lines.hpp"

namespace filters {

// Of the same length, at least 1, with a[0] = 1.
template <class T> struct Coefficients {
    std::vector<T> b, a;
    std::size_t order() const { return b.size() - 1; }
};

// The inputs b and a; InvalidInput: a[0] is 0.
template <class T>
Coefficients<T> coefficients(const edgemesh::Tensor &b, const edgemesh::Tensor &a) {
    Coefficients<T> filter{dsp::read_all<T>(b), dsp::read_all<T>(a)};
    if (filter.a[0] == T{}) throw edgemesh::InvalidInput(a.field(), "must not begin with 0");
    const T first = filter.a[0];
    for (T &value : filter.b) value /= first;
    for (T &value : filter.a) value /= first;
    const std::size_t size = std::max(filter.b.size(), filter.a.size());
    filter.b.resize(size);
    filter.a.resize(size);
    return filter;
}

using dsp::times;

// Of a few coefficients, all of which are kept in registers.
template <std::size_t order, class T>
void run_short(const Coefficients<T> &filter, T *state, const T *x, std::size_t count, T *y) {
    std::array<T, order + 1> b{}, a{}, z{};
    std::copy_n(filter.b.data(), order + 1, b.data());
    std::copy_n(filter.a.data(), order + 1, a.data());
    std::copy_n(state, order, z.data()); // and a zero after them
    for (std::size_t n = 0; n < count; ++n) {
        const T in = x[n];
        const T out = times(b[0], in) + z[0];
        for (std::size_t i = 0; i < order; ++i) {
            // What is known before `out` comes first: out is all that the next step waits for.
            z[i] = (times(b[i + 1], in) + z[i + 1]) - times(a[i + 1], out);
        }
        y[n] = out;
    }
    std::copy_n(z.data(), order, state);
}

template <class T>
void run_long(const Coefficients<T> &filter, T *state, const T *x, std::size_t count, T *y) {
    const std::size_t order = filter.order();
    const T *const b = filter.b.data() + 1;
    const T *const a = filter.a.data() + 1;
    std::vector<T> z(state, state + order);
    z.push_back(T{});
    T *const next = z.data();
    for (std::size_t n = 0; n < count; ++n) {
        const T in = x[n];
        const T out = times(filter.b[0], in) + next[0];
        for (std::size_t i = 0; i < order; ++i) {
            next[i] = (times(b[i], in) + next[i + 1]) - times(a[i], out);
        }
        y[n] = out;
    }
    std::copy_n(next, order, state);
}

// Filters a line; x and y may be the same. state: filter.order() numbers, in and out.
template <class T>
void filter_line(const Coefficients<T> &filter, T *state, const T *x, std::size_t count, T *y) {
    switch (filter.order()) {
    case 0: return run_short<0>(filter, state, x, count, y);
    case 1: return run_short<1>(filter, state, x, count, y);
    case 2: return run_short<2>(filter, state, x, count, y);
    case 3: return run_short<3>(filter, state, x, count, y);
    case 4: return run_short<4>(filter, state, x, count, y);
    case 5: return run_short<5>(filter, state, x, count, y);
    case 6: return run_short<6>(filter, state, x, count, y);
    case 8: return run_short<8>(filter, state, x, count, y);
    default: return run_long(filter, state, x, count, y);
    }
}

// The state of a filter that has seen 1 for ever, as scipy.signal.lfilter_zi. Failure: there is
// none, since the filter has a pole at 1.
template <class T> std::vector<T> steady_state(const Coefficients<T> &filter) {
    const std::size_t order = filter.order();
    T sum_a{}, sum{};
    for (std::size_t i = 0; i <= order; ++i) sum_a += filter.a[i];
    for (std::size_t i = 1; i <= order; ++i) sum += filter.b[i] - filter.a[i] * filter.b[0];
    if (sum_a == T{}) {
        throw edgemesh::Failure("SingularMatrix", "the filter has a pole at 1, so that it never "
                                                  "settles");
    }
    std::vector<T> state(order);
    if (order == 0) return state;
    state[0] = sum / sum_a;
    T part_a = 1, part{};
    for (std::size_t i = 1; i < order; ++i) {
        part_a += filter.a[i];
        part += filter.b[i] - filter.a[i] * filter.b[0];
        state[i] = part_a * state[0] - part;
    }
    return state;
}

} // namespace filters
