// Element types: their names, sizes and C++ types. Knows nothing of calls.
#ifndef EDGEMESH_DTYPE_HPP
#define EDGEMESH_DTYPE_HPP

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <vector>

#include "../edgemesh_plugin.h"

namespace edgemesh {

using Shape = std::vector<std::int64_t>;

struct DtypeInfo {
    edgemesh_dtype dtype;
    const char *name;
    std::size_t size; // bytes of one element
};

inline constexpr DtypeInfo dtype_table[] = {
    {EDGEMESH_BOOL, "bool", 1},
    {EDGEMESH_INT8, "int8", 1},
    {EDGEMESH_INT16, "int16", 2},
    {EDGEMESH_INT32, "int32", 4},
    {EDGEMESH_INT64, "int64", 8},
    {EDGEMESH_UINT8, "uint8", 1},
    {EDGEMESH_UINT16, "uint16", 2},
    {EDGEMESH_UINT32, "uint32", 4},
    {EDGEMESH_UINT64, "uint64", 8},
    {EDGEMESH_FLOAT16, "float16", 2},
    {EDGEMESH_BFLOAT16, "bfloat16", 2},
    {EDGEMESH_FLOAT32, "float32", 4},
    {EDGEMESH_FLOAT64, "float64", 8},
    {EDGEMESH_COMPLEX64, "complex64", 8},
    {EDGEMESH_COMPLEX128, "complex128", 16},
    {EDGEMESH_BYTES, "bytes", 1},
};

// nullptr if there is no such type.
inline const DtypeInfo *find_dtype(edgemesh_dtype dtype) noexcept {
    const auto *const found =
        std::find_if(std::begin(dtype_table), std::end(dtype_table),
                     [dtype](const DtypeInfo &info) { return info.dtype == dtype; });
    return found == std::end(dtype_table) ? nullptr : found;
}

inline const char *dtype_name(edgemesh_dtype dtype) noexcept {
    const DtypeInfo *const info = find_dtype(dtype);
    return info == nullptr ? "unknown" : info->name;
}

// "float32, float64 or complex64"
inline std::string dtype_names(const std::vector<edgemesh_dtype> &dtypes) {
    std::string names;
    for (std::size_t i = 0; i < dtypes.size(); ++i) {
        if (i > 0) names += i + 1 == dtypes.size() ? " or " : ", ";
        names += dtype_name(dtypes[i]);
    }
    return names;
}

template <class T> struct dtype_traits; // no such element type
#define EDGEMESH_DTYPE(T, number)                                                                  \
    template <> struct dtype_traits<T> {                                                           \
        static constexpr edgemesh_dtype value = number;                                            \
    };
EDGEMESH_DTYPE(bool, EDGEMESH_BOOL)
EDGEMESH_DTYPE(std::int8_t, EDGEMESH_INT8)
EDGEMESH_DTYPE(std::int16_t, EDGEMESH_INT16)
EDGEMESH_DTYPE(std::int32_t, EDGEMESH_INT32)
EDGEMESH_DTYPE(std::int64_t, EDGEMESH_INT64)
EDGEMESH_DTYPE(std::uint8_t, EDGEMESH_UINT8)
EDGEMESH_DTYPE(std::uint16_t, EDGEMESH_UINT16)
EDGEMESH_DTYPE(std::uint32_t, EDGEMESH_UINT32)
EDGEMESH_DTYPE(std::uint64_t, EDGEMESH_UINT64)
EDGEMESH_DTYPE(float, EDGEMESH_FLOAT32)
EDGEMESH_DTYPE(double, EDGEMESH_FLOAT64)
EDGEMESH_DTYPE(std::complex<float>, EDGEMESH_COMPLEX64)
EDGEMESH_DTYPE(std::complex<double>, EDGEMESH_COMPLEX128)
EDGEMESH_DTYPE(std::byte, EDGEMESH_BYTES)
#undef EDGEMESH_DTYPE

template <class T>
inline constexpr edgemesh_dtype dtype_of = dtype_traits<std::remove_cv_t<T>>::value;

// "[2, 3]"
inline std::string shape_text(const Shape &shape) {
    std::string text = "[";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (i > 0) text += ", ";
        text += std::to_string(shape[i]);
    }
    return text + "]";
}

} // namespace edgemesh

#endif
