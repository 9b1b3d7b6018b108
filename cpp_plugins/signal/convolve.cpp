// cpp.convolve and cpp.correlate: scipy.signal's functions of these names.
#include "convolve.hpp"

#include <algorithm>
#include <complex>
#include <string>
#include <utility>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "fir.hpp"
#include "lines.hpp"
#include "options.hpp"

namespace signals {

// Row by row: each row of the result is a sum of rows of a, filtered with rows of b.
template <class T>
void convolve_direct(const edgemesh::Call &call, const Convolution<T> &task, T *y) {
    const std::size_t outer = task.a_shape.size() - 1; // dimensions but for the last
    const auto taps = static_cast<std::size_t>(task.b_shape[outer]);
    const auto length = static_cast<std::size_t>(task.a_shape[outer]);
    const auto row = static_cast<std::size_t>(task.wanted[outer]);
    const std::size_t padded_row = length + 2 * (taps - 1);
    const std::size_t a_rows = fft::size_of(task.a_shape) / length;
    fft::Buffer<T> padded(a_rows * padded_row);
    std::fill(padded.begin(), padded.end(), T{});
    for (std::size_t i = 0; i < a_rows; ++i) {
        std::copy_n(task.a + i * length, length, padded.data() + i * padded_row + taps - 1);
    }
    const std::size_t rows = fft::size_of(task.wanted) / row;
    const std::size_t b_rows = fft::size_of(task.b_shape) / taps;
    const auto first = static_cast<std::size_t>(task.start[outer]) + taps - 1;
    for (std::size_t to = 0; to < rows; ++to) {
        for (std::size_t from = 0; from < b_rows; ++from) {
            if (from % 256 == 0) call.check_cancelled();
            std::size_t rest_to = to, rest_from = from, source = 0, stride = 1;
            bool inside = true;
            for (std::size_t axis = outer; inside && axis-- > 0;) {
                const std::int64_t in_to = static_cast<std::int64_t>(rest_to) % task.wanted[axis];
                const std::int64_t in_b = static_cast<std::int64_t>(rest_from) % task.b_shape[axis];
                rest_to /= static_cast<std::size_t>(task.wanted[axis]);
                rest_from /= static_cast<std::size_t>(task.b_shape[axis]);
                const std::int64_t in_a = in_to + task.start[axis] - in_b;
                inside = in_a >= 0 && in_a < task.a_shape[axis];
                source += static_cast<std::size_t>(inside ? in_a : 0) * stride;
                stride *= static_cast<std::size_t>(task.a_shape[axis]);
            }
            if (!inside) continue;
            constexpr std::size_t piece = std::size_t{1} << 16;
            for (std::size_t begin = 0; begin < row; begin += piece) {
                if (begin > 0) call.check_cancelled();
                dsp::fir_add(task.b + from * taps, taps,
                             padded.data() + source * padded_row + first + begin,
                             std::min(piece, row - begin), y + to * row + begin);
            }
        }
    }
}

template <class T> double direct_time(const Convolution<T> &task) {
    const double products = static_cast<double>(fft::size_of(task.b_shape)) *
                            static_cast<double>(fft::size_of(task.wanted));
    const double rows = products / static_cast<double>(task.b_shape.back()) /
                        static_cast<double>(task.wanted.back());
    return products * (dsp::is_complex<T> ? 1.2 : 0.02 * sizeof(T)) + rows * 30.0;
}

namespace {

using edgemesh::InvalidInput;
using edgemesh::Shape;
using edgemesh::Tensor;

// Where the wanted part lies, by mode.
void place(const std::string &mode, const Shape &a, const Shape &b, Shape &start, Shape &wanted) {
    bool above = true, below = true;
    for (std::size_t axis = 0; axis < a.size(); ++axis) {
        above = above && a[axis] >= b[axis];
        below = below && a[axis] <= b[axis];
    }
    if (mode == "valid" && !above && !below) {
        throw InvalidInput("inputs.in2", "must, for the mode valid, be at least as large as in1 in "
                                         "every dimension, or at most");
    }
    for (std::size_t axis = 0; axis < a.size(); ++axis) {
        const std::int64_t full = a[axis] + b[axis] - 1;
        const std::int64_t size = mode == "full" ? full
                                  : mode == "same"
                                      ? a[axis]
                                      : std::max(a[axis], b[axis]) - std::min(a[axis], b[axis]) + 1;
        start.push_back((full - size) / 2);
        wanted.push_back(size);
    }
}

template <class T> void compute(edgemesh::Call &call, bool correlate) {
    const Tensor &in1 = call.input("in1"), &in2 = call.input("in2");
    const edgemesh::Parameters &parameters = call.parameters();
    const auto mode = dsp::choice(parameters, "mode", "full", {"full", "same", "valid"});
    const auto method = dsp::choice(parameters, "method", "auto", {"auto", "direct", "fft"});
    if (in1.rank() != in2.rank()) {
        throw InvalidInput(in2.field(),
                           "must have as many dimensions as in1, " + std::to_string(in1.rank()));
    }
    Convolution<T> task{};
    place(mode, in1.shape(), in2.shape(), task.start, task.wanted);
    const auto y = call.output<T>("y", task.wanted);
    std::vector<T> a = dsp::read_all<T>(in1), b = dsp::read_all<T>(in2);
    if (correlate) {
        std::reverse(b.begin(), b.end());
        if constexpr (dsp::is_complex<T>) {
            for (T &value : b) value = std::conj(value);
        }
    }
    task.a_shape = in1.shape();
    task.b_shape = in2.shape();
    if (task.wanted.empty()) { // numbers
        task.a_shape = task.b_shape = task.wanted = {1};
        task.start = {0};
    }
    if (b.size() > a.size()) {
        std::swap(a, b);
        std::swap(task.a_shape, task.b_shape);
    }
    task.a = a.data();
    task.b = b.data();
    if (method == "direct" || (method == "auto" && direct_time(task) <= fft_time(task))) {
        std::fill(y.begin(), y.end(), T{});
        convolve_direct(call, task, y.data());
    } else {
        convolve_fft(call, task, y.data());
    }
}

template <bool correlate> void run(edgemesh::Call &call) {
    dsp::with_type(dsp::promote({&call.input("in1"), &call.input("in2")}),
                   [&](auto zero) { compute<decltype(zero)>(call, correlate); });
}

edgemesh::Algorithm algorithm(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm(name, "1")
        .about(about)
        .parameter("mode",
                   dsp::words({"full", "same", "valid"},
                              "all of the result; its middle, of in1's shape; or what does not "
                              "depend on zeros past the ends",
                              "full"))
        .parameter("method", dsp::words({"auto", "direct", "fft"},
                                        "by the definition, by FFT, or the faster one", "auto"))
        .input(dsp::number("in1", "an array that is not empty"))
        .input(dsp::number("in2", "of as many dimensions"))
        .output(dsp::number("y", "in the wider type of both"));
}

} // namespace

edgemesh::Algorithm convolve() {
    return algorithm("cpp.convolve", "The convolution of two arrays of any number of dimensions, "
                                     "as scipy.signal.convolve; by FFTW 3 or direct.")
        .run(run<false>);
}

edgemesh::Algorithm correlate() {
    return algorithm("cpp.correlate", "The cross-correlation of two arrays of any number of "
                                      "dimensions, as scipy.signal.correlate; by FFTW 3 or direct.")
        .run(run<true>);
}

} // namespace signals
