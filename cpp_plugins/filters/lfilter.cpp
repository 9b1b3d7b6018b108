// cpp.lfilter: scipy.signal.lfilter. zf is always given: passed back as zi with the next piece of a
// signal, it goes on where the last one ended.
#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "fir.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "recursion.hpp"

namespace filters {
namespace {

using edgemesh::Shape;
using edgemesh::Tensor;

constexpr std::size_t piece = std::size_t{1} << 16; // between looks at whether to stop

// zi's elements for each line; those of length 1 are for all.
class Initial {
  public:
    Initial(const Tensor *zi, const Shape &expected, std::size_t axis)
        : zi_(zi), expected_(expected), axis_(axis) {
        if (zi == nullptr) return;
        const Shape &shape = zi->shape();
        bool fits = shape.size() == expected.size();
        for (std::size_t i = 0; fits && i < shape.size(); ++i) {
            fits = shape[i] == expected[i] || (i != axis && shape[i] == 1);
        }
        if (!fits) {
            throw edgemesh::InvalidInput(zi->field(), "must have the shape " +
                                                          edgemesh::shape_text(expected) +
                                                          ", has " + edgemesh::shape_text(shape));
        }
    }
    template <class T> void read(std::size_t line, std::size_t order, T *state) const {
        std::fill_n(state, order, T{});
        if (zi_ == nullptr || order == 0) return;
        std::size_t first = 0;
        for (std::size_t i = expected_.size(); i-- > 0;) {
            if (i == axis_) continue;
            const auto length = static_cast<std::size_t>(expected_[i]);
            if (zi_->shape()[i] != 1) first += line % length * fft::stride_of(zi_->shape(), i);
            line /= length;
        }
        dsp::read(*zi_, first, fft::stride_of(zi_->shape(), axis_), order, state);
    }

  private:
    const Tensor *zi_;
    const Shape &expected_;
    std::size_t axis_;
};

// A line without feedback. state: what the last taps - 1 inputs will still add.
template <class T>
void convolve_line(const edgemesh::Call &call, const Coefficients<T> &filter, T *state, const T *x,
                   std::size_t count, T *y) {
    const std::size_t order = filter.order();
    std::vector<T> padded(order + std::min(piece, count)); // the inputs before a piece, and it
    std::vector<T> then(state, state + order);
    for (std::size_t begin = 0; begin < count; begin += piece) {
        call.check_cancelled();
        const std::size_t size = std::min(piece, count - begin);
        std::copy_n(x + begin, size, padded.data() + order);
        std::fill_n(y + begin, size, T{});
        dsp::fir_add(filter.b.data(), order + 1, padded.data() + order, size, y + begin);
        std::copy_n(padded.data() + size, order, padded.data());
    }
    for (std::size_t i = 0; i < std::min(order, count); ++i) y[i] += then[i];
    // What is still to come: of the last inputs, which lie at the front, and of zi if it is longer.
    for (std::size_t i = 0; i < order; ++i) {
        T sum = i + count < order ? then[i + count] : T{};
        for (std::size_t k = i + 1; k <= order; ++k) {
            sum += times(filter.b[k], padded[order - (k - i)]);
        }
        state[i] = sum;
    }
}

template <class T>
void filter_lines(edgemesh::Call &call, std::size_t axis, const Tensor &x, bool feedback) {
    const auto filter = coefficients<T>(call.input("b"), call.input("a"));
    const std::size_t order = filter.order();
    const Shape state_shape = dsp::with_length(x.shape(), axis, order);
    const Initial initial(call.find_input("zi"), state_shape, axis);
    const auto y = call.output<T>("y", x.shape());
    const auto zf = call.output<T>("zf", state_shape);
    const dsp::Lines lines(x.shape(), axis), states(state_shape, axis);
    fft::Buffer<T> line(lines.length), state(order);
    const bool direct = lines.inner == 1 && x.dtype() == edgemesh::dtype_of<T>;
    for (std::size_t i = 0; i < lines.count(); ++i) {
        initial.read(i, order, state.data());
        const T *from = line.data();
        if (direct) {
            from = static_cast<const T *>(x.data()) + lines.first(i);
        } else {
            dsp::read(x, lines.first(i), lines.inner, lines.length, line.data());
        }
        T *const to = lines.inner == 1 ? y.data() + lines.first(i) : line.data();
        if (!feedback && to != from) {
            convolve_line(call, filter, state.data(), from, lines.length, to);
        } else {
            for (std::size_t begin = 0; begin < lines.length; begin += piece) {
                call.check_cancelled();
                filter_line(filter, state.data(), from + begin,
                            std::min(piece, lines.length - begin), to + begin);
            }
        }
        if (lines.inner > 1) {
            dsp::scatter(line.data(), lines.length, y.data() + lines.first(i), lines.inner);
        }
        dsp::scatter(state.data(), order, zf.data() + states.first(i), states.inner);
    }
}

void run(edgemesh::Call &call) {
    const Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, -1);
    const Tensor &a = call.input("a");
    dsp::with_type(dsp::promote({&call.input("b"), &a, &x, call.find_input("zi")}), [&](auto zero) {
        using T = decltype(zero);
        filter_lines<T>(call, axis, x, a.shape()[0] > 1);
    });
}

} // namespace

edgemesh::Algorithm lfilter() {
    return edgemesh::Algorithm("cpp.lfilter", "1")
        .about("Filters a signal with a rational transfer function, as scipy.signal.lfilter, in "
               "the direct form II transposed. To filter a signal piece by piece, pass zf back as "
               "zi.")
        .parameter("axis", dsp::schema("integer", "the axis of time", -1))
        .input(dsp::vector("b", "numerator"))
        .input(dsp::vector("a", "denominator, which does not begin with 0"))
        .input(dsp::number("x", "an array of at least one dimension").allow_empty())
        .input(dsp::number("zi", "the state before x: max(len(a), len(b)) - 1 numbers along the "
                                 "axis, and x's shape otherwise, or 1; zeros if absent")
                   .allow_empty()
                   .optional())
        .output(dsp::number("y", "of x's shape").allow_empty())
        .output(dsp::number("zf", "the state after x").allow_empty())
        .run(run);
}

} // namespace filters
