// What the algorithms share: arrays as lines along an axis, and checks of the numbers in them.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace stats {

template <class View>
using Element = std::remove_const_t<std::remove_pointer_t<decltype(std::declval<View>().data())>>;

// An array as `outer` x `inner` lines of `length` elements, `inner` apart.
struct Lines {
    std::size_t outer, length, inner;
    edgemesh::Shape reduced; // the array's shape without the axis
};

// `axis`: an integer, negative ones from the end, or null for the flattened array.
Lines lines(const edgemesh::Parameters &parameters, const edgemesh::Tensor &tensor,
            const edgemesh::Json &otherwise);
edgemesh::Json axis_schema(const edgemesh::Json &otherwise);

// take(line, index) for each line, as doubles that take() may overwrite. Neighbouring lines are
// read together, a cache line at a time.
template <class T, class Take>
void each_line(const edgemesh::Call &call, const Lines &lines, const T *data, Take &&take) {
    const std::size_t together = lines.inner < 8 ? lines.inner : 8;
    std::vector<double> buffer(together * lines.length);
    for (std::size_t outer = 0; outer < lines.outer; ++outer) {
        const T *const plane = data + outer * lines.length * lines.inner;
        for (std::size_t first = 0; first < lines.inner; first += together) {
            call.check_cancelled();
            const std::size_t count =
                first + together < lines.inner ? together : lines.inner - first;
            for (std::size_t i = 0; i < lines.length; ++i) {
                for (std::size_t k = 0; k < count; ++k) {
                    buffer[k * lines.length + i] =
                        static_cast<double>(plane[i * lines.inner + first + k]);
                }
            }
            for (std::size_t k = 0; k < count; ++k) {
                take(buffer.data() + k * lines.length, outer * lines.inner + first + k);
            }
        }
    }
}

// InvalidInput if there is NaN or infinity.
template <class T>
void check_finite(const edgemesh::Tensor &tensor, const edgemesh::View<const T> &x) {
    for (const T one : x) {
        if (!std::isfinite(one)) {
            throw edgemesh::InvalidInput(tensor.field(), "must not contain NaN or infinity");
        }
    }
}

// A table of numbers, rows of samples: InvalidInput unless it has two dimensions below 2^31.
void check_table(const edgemesh::Tensor &tensor);

edgemesh::TensorSpec reals(const std::string &name, const std::string &about);
edgemesh::TensorSpec doubles(const std::string &name, const std::string &about);

} // namespace stats
