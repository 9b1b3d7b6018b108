// The order that NumPy sorts by: ascending, NaN last.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include <edgemesh_plugin.hpp>

namespace geometry {

template <class T> bool is_nan(T value) {
    if constexpr (std::is_floating_point_v<T>) return std::isnan(value);
    return false;
}

template <class T> bool before(T a, T b) { return a < b || (is_nan(b) && !is_nan(a)); }

// Calls function with the view of a tensor of any real type.
template <class Function> void visit_real(const edgemesh::Tensor &tensor, Function &&function) {
    edgemesh::visit<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                    std::uint16_t, std::uint32_t, std::uint64_t, float, double>(
        tensor, std::forward<Function>(function));
}

inline edgemesh::TensorSpec real_spec(const std::string &name) {
    return edgemesh::TensorSpec(name)
        .of<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
            std::uint32_t, std::uint64_t, float, double>()
        .any_rank()
        .allow_empty();
}

} // namespace geometry
