// Tensors as plugins see them: Tensor is an input of any type, View<T> elements of one type in C
// order, Strided<T> in any order. None owns memory: they live no longer than the call that gave
// them.
#ifndef EDGEMESH_TENSOR_HPP
#define EDGEMESH_TENSOR_HPP

#include <cassert>
#include <string_view>
#include <type_traits>
#include <utility>

#include "dtype.hpp"
#include "errors.hpp"
#include "strided.hpp"

namespace edgemesh {

// Elements in C order. Access is not bounds-checked, except in builds with assertions.
template <class T> class View {
  public:
    using Element = std::remove_const_t<T>;

    View(T *data, Shape shape, std::size_t size)
        : data_(data), shape_(std::move(shape)), size_(size) {}

    T *data() const noexcept { return data_; }
    T *begin() const noexcept { return data_; }
    T *end() const noexcept { return data_ + size_; }
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    const Shape &shape() const noexcept { return shape_; }
    std::size_t rank() const noexcept { return shape_.size(); }
    std::size_t length(std::size_t dimension) const {
        return static_cast<std::size_t>(shape_.at(dimension));
    }

    T &operator[](std::size_t flat) const noexcept {
        assert(flat < size_);
        return data_[flat];
    }

    // The same elements; transposed, sliced and so on they remain views.
    Strided<T> strided() const { return {data_, shape_, c_strides(shape_, sizeof(T))}; }

    // One index for each dimension.
    template <class... Index> T &operator()(Index... index) const noexcept {
        assert(sizeof...(Index) == shape_.size());
        std::size_t flat = 0, dimension = 0;
        ((flat = flat * static_cast<std::size_t>(shape_[dimension++]) +
                 static_cast<std::size_t>(index)),
         ...);
        return (*this)[flat];
    }

  private:
    T *data_;
    Shape shape_;
    std::size_t size_;
};

// One input.
class Tensor {
  public:
    explicit Tensor(const edgemesh_tensor &tensor)
        : raw_(&tensor), shape_(tensor.shape, tensor.shape + tensor.rank) {}

    std::string_view name() const noexcept { return {raw_->name.data, raw_->name.size}; }
    std::string_view media_type() const noexcept {
        return {raw_->media_type.data, raw_->media_type.size};
    }
    std::string field() const { return "inputs." + std::string(name()); }
    edgemesh_dtype dtype() const noexcept { return raw_->dtype; }
    const Shape &shape() const noexcept { return shape_; }
    std::size_t rank() const noexcept { return shape_.size(); }
    std::size_t nbytes() const noexcept { return static_cast<std::size_t>(raw_->nbytes); }
    const void *data() const noexcept { return raw_->data; }

    template <class T> bool is() const noexcept { return raw_->dtype == dtype_of<T>; }

    // The elements; InvalidInput unless they are T, in C order.
    template <class T> View<const T> as() const {
        const Strided<const T> elements = strided<T>();
        if (!elements.contiguous()) throw InvalidInput(field(), "must be in C order");
        return {static_cast<const T *>(raw_->data), shape_, nbytes() / sizeof(T)};
    }

    // The elements, in whatever order they lie; InvalidInput unless they are T.
    template <class T> Strided<const T> strided() const {
        if (!is<T>()) throw wrong_dtype({dtype_of<T>});
        return {static_cast<const T *>(raw_->data), shape_,
                raw_->strides == nullptr ? c_strides(shape_, sizeof(T))
                                         : Shape(raw_->strides, raw_->strides + raw_->rank)};
    }

    InvalidInput wrong_dtype(const std::vector<edgemesh_dtype> &expected) const {
        return {field(), "must be " + dtype_names(expected) + ", is " + dtype_name(dtype())};
    }

  private:
    const edgemesh_tensor *raw_;
    Shape shape_;
};

// Calls function(View<const T>) with the T among Ts that the tensor has; InvalidInput if none.
template <class... Ts, class Function> void visit(const Tensor &tensor, Function &&function) {
    const bool found = ((tensor.is<Ts>() ? (function(tensor.as<Ts>()), true) : false) || ...);
    if (!found) throw tensor.wrong_dtype({dtype_of<Ts>...});
}

} // namespace edgemesh

#endif
