#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include <edgemesh_plugin_host.hpp>

using edgemesh::Shape;
using edgemesh::host::tensor_bytes;

namespace {

std::optional<std::uint64_t> bytes(edgemesh_dtype dtype, const Shape &shape) {
    return tensor_bytes(dtype, shape.data(), shape.size());
}
constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

TEST(TensorBytes, MultipliesLengths) {
    EXPECT_EQ(bytes(EDGEMESH_COMPLEX128, {}), 16U);
    EXPECT_EQ(bytes(EDGEMESH_FLOAT32, {2, 3}), 24U);
    EXPECT_EQ(bytes(EDGEMESH_INT8, {largest}), static_cast<std::uint64_t>(largest));
    EXPECT_EQ(bytes(EDGEMESH_FLOAT64, {5, 0}), 0U);
    EXPECT_EQ(bytes(EDGEMESH_BOOL, Shape(EDGEMESH_MAX_RANK, 1)), 1U);
}

TEST(TensorBytes, RefusesWhatOverflows) {
    EXPECT_FALSE(bytes(EDGEMESH_FLOAT64, {largest}));
    EXPECT_FALSE(bytes(EDGEMESH_INT8, {std::int64_t{1} << 32, std::int64_t{1} << 31}));
    // Wraps to a small number if multiplied in 64 bits.
    EXPECT_FALSE(bytes(EDGEMESH_FLOAT64, {std::int64_t{1} << 61, 8}));
    EXPECT_FALSE(bytes(EDGEMESH_INT8, {largest, largest, 0}));
}

TEST(TensorBytes, RefusesMalformedShapes) {
    EXPECT_FALSE(bytes(EDGEMESH_FLOAT32, {-1}));
    EXPECT_FALSE(bytes(EDGEMESH_FLOAT32, {0, -1}));
    EXPECT_FALSE(bytes(EDGEMESH_FLOAT32, Shape(EDGEMESH_MAX_RANK + 1, 1)));
    EXPECT_FALSE(bytes(0, {1}));
    EXPECT_FALSE(bytes(17, {1}));
}

TEST(Dtype, NamesAList) {
    EXPECT_EQ(edgemesh::dtype_names({EDGEMESH_INT8, EDGEMESH_BOOL, EDGEMESH_BYTES}),
              "int8, bool or bytes");
    EXPECT_STREQ(edgemesh::dtype_name(77), "unknown");
}

} // namespace
