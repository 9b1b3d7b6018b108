#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <edgemesh_plugin.hpp>

using edgemesh::Shape;
using edgemesh::Strided;
using edgemesh::Tensor;

namespace {

// An input as a host gives it, of the numbers 0, 1, 2…
struct Numbers {
    std::vector<float> numbers;
    Shape shape, strides;
    edgemesh_tensor raw{};

    Numbers(std::size_t count, Shape shape_, Shape strides_ = {})
        : numbers(count), shape(std::move(shape_)), strides(std::move(strides_)) {
        std::iota(numbers.begin(), numbers.end(), 0.0F);
        raw.struct_size = sizeof raw;
        raw.dtype = EDGEMESH_FLOAT32;
        raw.rank = static_cast<std::uint32_t>(shape.size());
        raw.shape = shape.data();
        raw.strides = strides.empty() ? nullptr : strides.data();
        raw.data = numbers.data();
        raw.nbytes = sizeof(float);
        for (const std::int64_t length : shape) raw.nbytes *= static_cast<std::uint64_t>(length);
        raw.name = {"x", 1};
    }
};

template <class T> std::vector<float> copied(const Strided<T> &elements) {
    std::vector<float> copy(elements.size());
    elements.copy_to(copy.data());
    return copy;
}

TEST(Tensor, ChecksTheElementType) {
    const Numbers numbers(6, {2, 3});
    const Tensor tensor(numbers.raw);
    EXPECT_EQ(tensor.as<float>()(1, 0), 3);
    EXPECT_THROW(tensor.as<double>(), edgemesh::InvalidInput);
    EXPECT_THROW(tensor.strided<std::int32_t>(), edgemesh::InvalidInput);
}

TEST(Tensor, TakesStridesThatAreCOrder) {
    const Numbers same(6, {2, 1, 3}, {12, 999, 4}); // the stride of one element says nothing
    EXPECT_EQ(Tensor(same.raw).as<float>().size(), 6U);
    const Numbers other(6, {2, 3}, {4, 8});
    EXPECT_THROW(Tensor(other.raw).as<float>(), edgemesh::InvalidInput);
    const Numbers none(0, {0, 3}, {4, 8});
    EXPECT_TRUE(Tensor(none.raw).as<float>().empty());
}

TEST(Strided, ReadsAnyLayout) {
    const Numbers fortran(6, {2, 3}, {4, 8});
    const auto elements = Tensor(fortran.raw).strided<float>();
    EXPECT_FALSE(elements.contiguous());
    EXPECT_EQ(elements(1, 2), 5);
    EXPECT_EQ(copied(elements), (std::vector<float>{0, 2, 4, 1, 3, 5}));
    EXPECT_EQ(copied(elements.transposed()), (std::vector<float>{0, 1, 2, 3, 4, 5}));
    EXPECT_TRUE(elements.transposed().contiguous());
    const Numbers broadcast(2, {2, 2}, {0, 4});
    EXPECT_EQ(copied(Tensor(broadcast.raw).strided<float>()), (std::vector<float>{0, 1, 0, 1}));
}

TEST(Strided, IsSlicedWithoutACopy) {
    const Numbers cube(24, {2, 3, 4});
    const auto elements = Tensor(cube.raw).as<float>().strided();
    EXPECT_EQ(copied(elements.transposed({2, 0, 1})),
              (std::vector<float>{0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                  2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23}));
    const auto part = elements.slice(2, 1, 2, 2).slice(0, 1, 1);
    EXPECT_EQ(part.shape(), (Shape{1, 3, 2}));
    EXPECT_EQ(copied(part), (std::vector<float>{13, 15, 17, 19, 21, 23}));
    EXPECT_EQ(copied(part.reversed(1)), (std::vector<float>{21, 23, 17, 19, 13, 15}));
    EXPECT_EQ(copied(elements.slice(2, 3, 4, -1).slice(1, 0, 1).slice(0, 0, 1)),
              (std::vector<float>{3, 2, 1, 0}));
    EXPECT_TRUE(elements.slice(1, 0, 0).empty());
    EXPECT_TRUE(copied(elements.slice(1, 0, 0).reversed(1)).empty());
}

TEST(Strided, IsWrittenThrough) {
    std::vector<double> memory(6);
    const edgemesh::View<double> view(memory.data(), {2, 3}, memory.size());
    const auto transposed = view.strided().transposed();
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t k = 0; k < 2; ++k) transposed(i, k) = static_cast<double>(10 * i + k);
    }
    EXPECT_EQ(memory, (std::vector<double>{0, 10, 20, 1, 11, 21}));
}

TEST(Strided, HoldsAScalar) {
    const Numbers scalar(1, {});
    EXPECT_EQ(copied(Tensor(scalar.raw).strided<float>()), std::vector<float>{0});
}

} // namespace
