// cpp.sosfilt: scipy.signal.sosfilt. zf is always given, as by cpp.lfilter.
#include <algorithm>
#include <complex>
#include <string>
#include <vector>

#include "algorithms.hpp"
#include "arrays.hpp"
#include "lines.hpp"
#include "options.hpp"
#include "sections.hpp"

namespace filters {
namespace {

using edgemesh::Shape;
using edgemesh::Tensor;

template <class T> void filter_lines(edgemesh::Call &call, std::size_t axis, const Tensor &x) {
    std::vector<Section<T>> filter = sections<T>(call.input("sos"));
    Shape state_shape = dsp::with_length(x.shape(), axis, 2);
    state_shape.insert(state_shape.begin(), static_cast<std::int64_t>(filter.size()));
    const Tensor *const zi = call.find_input("zi");
    if (zi != nullptr && zi->shape() != state_shape) {
        throw edgemesh::InvalidInput(zi->field(), "must have the shape " +
                                                      edgemesh::shape_text(state_shape) + ", has " +
                                                      edgemesh::shape_text(zi->shape()));
    }
    const auto y = call.output<T>("y", x.shape());
    const auto zf = call.output<T>("zf", state_shape);
    const dsp::Lines lines(x.shape(), axis);
    const dsp::Lines states(dsp::with_length(x.shape(), axis, 2), axis); // of one section
    const std::size_t section_size = 2 * lines.count();
    fft::Buffer<T> line(lines.length);
    constexpr std::size_t piece = std::size_t{1} << 16; // between looks at whether to stop
    for (std::size_t i = 0; i < lines.count(); ++i) {
        for (std::size_t s = 0; s < filter.size(); ++s) {
            T state[2] = {};
            if (zi != nullptr) {
                dsp::read(*zi, s * section_size + states.first(i), states.inner, 2, state);
            }
            filter[s].z0 = state[0];
            filter[s].z1 = state[1];
        }
        dsp::read(x, lines.first(i), lines.inner, lines.length, line.data());
        for (std::size_t begin = 0; begin < lines.length; begin += piece) {
            call.check_cancelled();
            filter_line(filter, line.data() + begin, std::min(piece, lines.length - begin),
                        line.data() + begin);
        }
        dsp::scatter(line.data(), lines.length, y.data() + lines.first(i), lines.inner);
        for (std::size_t s = 0; s < filter.size(); ++s) {
            T *const to = zf.data() + s * section_size + states.first(i);
            to[0] = filter[s].z0;
            to[states.inner] = filter[s].z1;
        }
    }
}

void run(edgemesh::Call &call) {
    const Tensor &x = call.input("x");
    const std::size_t axis = dsp::axis(call.parameters(), x, -1);
    dsp::with_type(dsp::promote({&call.input("sos"), &x, call.find_input("zi")}),
                   [&](auto zero) { filter_lines<decltype(zero)>(call, axis, x); });
}

} // namespace

edgemesh::Algorithm sosfilt() {
    return edgemesh::Algorithm("cpp.sosfilt", "1")
        .about("Filters a signal with a cascade of second-order sections, as scipy.signal.sosfilt. "
               "To filter a signal piece by piece, pass zf back as zi.")
        .parameter("axis", dsp::schema("integer", "the axis of time", -1))
        .input(dsp::number("sos", "[sections, 6]: each section's b and a; a begins with 1"))
        .input(dsp::number("x", "an array of at least one dimension").allow_empty())
        .input(dsp::number("zi", "the state before x: [sections, ...], x's shape with 2 along the "
                                 "axis; zeros if absent")
                   .allow_empty()
                   .optional())
        .output(dsp::number("y", "of x's shape").allow_empty())
        .output(dsp::number("zf", "the state after x").allow_empty())
        .run(run);
}

} // namespace filters
