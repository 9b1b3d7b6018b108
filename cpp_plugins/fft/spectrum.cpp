#include "spectrum.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

#include "columns.hpp"
#include "dimensions.hpp"
#include "mirror.hpp"

namespace fft {
namespace {

using edgemesh::Shape;
using edgemesh::View;

template <class Iterator> std::size_t product(Iterator begin, Iterator end) {
    return std::accumulate(begin, end, std::size_t{1}, [](std::size_t total, std::int64_t length) {
        return total * static_cast<std::size_t>(length);
    });
}

// How a transform is done: some axes at once, into y, then others one by one, in place there.
struct Passes {
    struct Pass {
        std::size_t outer, length, stride;
        std::vector<Run> runs;
    };
    std::vector<std::size_t> at_once;
    std::vector<Pass> one_by_one;

    // half: only the first half of the last axis is computed.
    template <class Real>
    Passes(const std::vector<std::size_t> &axes, const View<std::complex<Real>> &y, bool half)
        : at_once(axes) {
        const Shape &shape = y.shape();
        const auto after = [&](std::size_t axis) {
            return product(shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, shape.end());
        };
        const std::size_t last = axes.back();
        const std::size_t width =
            (half ? y.length(last) / 2 + 1 : y.length(last)) * after(last); // contiguous columns
        constexpr std::size_t cache_line = 64;
        if (y.size() * sizeof(std::complex<Real>) < large_bytes ||
            width * sizeof(std::complex<Real>) < 2 * cache_line) {
            return;
        }
        at_once = {last};
        for (std::size_t i = axes.size() - 1; i-- > 0;) {
            const std::size_t axis = axes[i];
            Pass pass{y.size() / (y.length(axis) * after(axis)), y.length(axis), after(axis), {}};
            const std::size_t row = half ? y.length(last) * after(last) : pass.stride;
            for (std::size_t begin = 0; begin < pass.stride; begin += row) {
                pass.runs.push_back({begin, begin + (half ? width : row)});
            }
            one_by_one.push_back(std::move(pass));
        }
    }

    template <class Real>
    void run_one_by_one(const edgemesh::Call &call, int sign, std::complex<Real> *y) const {
        for (const Pass &pass : one_by_one) {
            transform_columns(call, sign, y, pass.outer, pass.length, pass.stride, pass.runs);
        }
    }
};

} // namespace

template <class Real>
void spectrum(const Transform &transform, const edgemesh::Call &call,
              const View<const std::complex<Real>> &x, const View<std::complex<Real>> &y) {
    using F = Fftw<Real>;
    const Kind kind = transform.direction == Direction::forward ? complex_forward : complex_inverse;
    const Passes passes(transform.axes, y, /*half=*/false);
    const auto plan = plan_complex(y.shape(), passes.at_once, kind, x.data(), y.data());
    call.check_cancelled(); // planning may have taken its time
    F::execute_complex(plan.get(), F::data(x.data()), F::data(y.data()));
    passes.run_one_by_one(call, kind, y.data());
    if (transform.factor != 1.0) {
        const auto factor = static_cast<Real>(transform.factor);
        Real *const parts = reinterpret_cast<Real *>(y.data());
        for (std::size_t i = 0; i < 2 * y.size(); ++i) parts[i] *= factor;
    }
}

template <class Real>
void spectrum(const Transform &transform, const edgemesh::Call &call, const View<const Real> &x,
              const View<std::complex<Real>> &y) {
    using F = Fftw<Real>;
    Real *const input = const_cast<Real *>(x.data()); // a const that FFTW keeps, and cannot say
    const Passes passes(transform.axes, y, /*half=*/true);
    const auto plan = plan_real(y.shape(), passes.at_once, real_to_full, x.data(), y.data());
    call.check_cancelled();
    F::execute_real(plan.get(), input, F::data(y.data()));
    passes.run_one_by_one(call, FFTW_FORWARD, y.data());
    // Of a real input, the inverse is the forward transform's conjugate.
    const bool conjugate = transform.direction == Direction::inverse;
    const Rows rows(x.shape(), transform.axes);
    if (conjugate || transform.factor != 1.0) {
        finish_half(y.data(), rows, static_cast<Real>(transform.factor), conjugate);
    }
    mirror_half(y.data(), rows);
}

#define FFT_INSTANTIATE(Real)                                                                      \
    template void spectrum(const Transform &, const edgemesh::Call &,                              \
                           const View<const std::complex<Real>> &,                                 \
                           const View<std::complex<Real>> &);                                      \
    template void spectrum(const Transform &, const edgemesh::Call &, const View<const Real> &,    \
                           const View<std::complex<Real>> &);
FFT_INSTANTIATE(float)
FFT_INSTANTIATE(double)

} // namespace fft
