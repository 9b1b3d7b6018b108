// One axis of a large array, transformed in place. Its elements lie far apart, often a power of two
// apart, where a cache holds few of them: so a few columns at a time are copied together,
// transformed there and copied back. On arrays that outgrow the caches this takes two thirds of
// the time of FFTW's own estimated plan.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <memory>
#include <vector>

#include "plans.hpp"

namespace fft {

// From this size on, an array no longer fits the fast caches, and axes are transformed one by one.
constexpr std::size_t large_bytes = std::size_t{1} << 18;

// Columns [begin, end).
struct Run {
    std::size_t begin, end;
};

// y is `outer` arrays after each other, each of `length` rows of `stride` elements. Transforms the
// columns that the runs name. Throws Cancelled between columns.
template <class Real>
void transform_columns(const edgemesh::Call &call, int sign, std::complex<Real> *y,
                       std::size_t outer, std::size_t length, std::size_t stride,
                       const std::vector<Run> &runs) {
    using F = Fftw<Real>;
    constexpr std::size_t most_width = 128 / sizeof(std::complex<Real>); // two cache lines
    const std::unique_ptr<void, void (*)(void *)> memory(
        F::allocate(length * most_width * sizeof(std::complex<Real>)), F::release);
    auto *const tile = static_cast<std::complex<Real> *>(memory.get());

    const auto plan_of = [&](std::size_t width) {
        const auto rows = static_cast<std::int64_t>(length);
        const auto columns = static_cast<std::int64_t>(width);
        const PlanKey key{{rows, columns}, {0}, sign, 0, 0, /*in_place=*/true};
        return Plans<Real>::instance().get(key, [&] {
            const typename F::Dimension transformed{rows, columns, columns};
            const typename F::Dimension repeated{columns, 1, 1};
            return F::plan_complex(1, &transformed, 1, &repeated, F::data(tile), F::data(tile),
                                   sign, FFTW_ESTIMATE);
        });
    };
    typename Plans<Real>::Shared plan;
    std::size_t planned_width = 0;
    for (std::size_t index = 0; index < outer; ++index) {
        std::complex<Real> *const array = y + index * length * stride;
        for (const Run &run : runs) {
            for (std::size_t column = run.begin; column < run.end; column += most_width) {
                call.check_cancelled();
                const std::size_t width = std::min(most_width, run.end - column);
                if (width != planned_width) plan = plan_of(planned_width = width);
                std::complex<Real> *const first = array + column;
                for (std::size_t row = 0; row < length; ++row) {
                    std::copy_n(first + row * stride, width, tile + row * width);
                }
                F::execute_complex(plan.get(), F::data(tile), F::data(tile));
                for (std::size_t row = 0; row < length; ++row) {
                    std::copy_n(tile + row * width, width, first + row * stride);
                }
            }
        }
    }
}

} // namespace fft
