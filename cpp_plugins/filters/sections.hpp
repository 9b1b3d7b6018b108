// A cascade of second-order sections: as accurate as a filter's zeros and poles, where one long
// polynomial is not.
#pragma once

#include <array>
#include <complex>
#include <cstddef>
#include <vector>

#include <edgemesh_plugin.hpp>

#include "recursion.hpp"

namespace filters {

template <class T> struct Section {
    T b0{}, b1{}, b2{}, a1{}, a2{};
    T z0{}, z1{};

    T step(T in) {
        const T out = times(b0, in) + z0;
        z0 = (times(b1, in) + z1) - times(a1, out);
        z1 = times(b2, in) - times(a2, out);
        return out;
    }
};

// The input sos; InvalidInput: not of six columns, or a[0] is not 1.
template <class T> std::vector<Section<T>> sections(const edgemesh::Tensor &sos) {
    if (sos.rank() != 2 || sos.shape()[1] != 6) {
        throw edgemesh::InvalidInput(sos.field(), "must have the shape [-1, 6] (-1: any length), "
                                                  "has " +
                                                      edgemesh::shape_text(sos.shape()));
    }
    const std::vector<T> values = dsp::read_all<T>(sos);
    std::vector<Section<T>> all;
    for (std::size_t i = 0; i < values.size(); i += 6) {
        const T *const row = values.data() + i;
        if (row[3] != T{1}) {
            throw edgemesh::InvalidInput(sos.field(), "must have ones in the fourth column");
        }
        all.push_back({row[0], row[1], row[2], row[4], row[5]});
    }
    return all;
}

// The sections are independent of each other but for one number: with their count known, a
// processor works on several at a time.
template <std::size_t count, class T>
void run_sections(Section<T> *all, const T *x, std::size_t length, T *y) {
    std::array<Section<T>, count> some;
    std::copy_n(all, count, some.data());
    for (std::size_t n = 0; n < length; ++n) {
        T value = x[n];
        for (Section<T> &section : some) value = section.step(value);
        y[n] = value;
    }
    std::copy_n(some.data(), count, all);
}

// x and y may be the same.
template <class T>
void filter_line(std::vector<Section<T>> &all, const T *x, std::size_t length, T *y) {
    std::size_t done = 0;
    for (; done + 4 <= all.size(); done += 4, x = y) {
        run_sections<4>(all.data() + done, x, length, y);
    }
    switch (all.size() - done) {
    case 1: return run_sections<1>(all.data() + done, x, length, y);
    case 2: return run_sections<2>(all.data() + done, x, length, y);
    case 3: return run_sections<3>(all.data() + done, x, length, y);
    default: return;
    }
}

} // namespace filters
