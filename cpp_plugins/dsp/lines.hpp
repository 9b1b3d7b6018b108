// An array as lines along one of its axes, and its elements as numbers of another type.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace dsp {

template <class T> struct real_of {
    using type = T;
};
template <class T> struct real_of<std::complex<T>> {
    using type = T;
};
template <class T> using Real = typename real_of<T>::type;
template <class T> constexpr bool is_complex = !std::is_same_v<T, Real<T>>;

// Element i of a line lies at first(line) + i * inner.
struct Lines {
    std::size_t outer = 1, length = 1, inner = 1;

    Lines(const edgemesh::Shape &shape, std::size_t axis) {
        for (std::size_t i = 0; i < shape.size(); ++i) {
            const auto size = static_cast<std::size_t>(shape[i]);
            (i < axis ? outer : i == axis ? length : inner) *= size;
        }
    }
    std::size_t count() const { return outer * inner; }
    std::size_t first(std::size_t line) const {
        return line / inner * length * inner + line % inner;
    }
};

inline edgemesh::Shape with_length(edgemesh::Shape shape, std::size_t axis, std::size_t length) {
    shape[axis] = static_cast<std::int64_t>(length);
    return shape;
}

// T from a number of any type; of a complex one that is to be real, the real part.
template <class T, class From> T convert(const From &value) {
    if constexpr (is_complex<T> && is_complex<From>) {
        return {static_cast<Real<T>>(value.real()), static_cast<Real<T>>(value.imag())};
    } else if constexpr (is_complex<From>) {
        return static_cast<T>(value.real());
    } else {
        return static_cast<T>(static_cast<Real<T>>(value));
    }
}

template <class From, class T>
void gather(const From *from, std::size_t stride, std::size_t count, T *to) {
    for (std::size_t i = 0; i < count; ++i) to[i] = convert<T>(from[i * stride]);
}
template <class T> void scatter(const T *from, std::size_t count, T *to, std::size_t stride) {
    for (std::size_t i = 0; i < count; ++i) to[i * stride] = from[i];
}

// Elements first, first + stride, ... of an input of any floating type.
template <class T>
void read(const edgemesh::Tensor &x, std::size_t first, std::size_t stride, std::size_t count,
          T *to) {
    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        x, [&](const auto &view) { gather(view.data() + first, stride, count, to); });
}
template <class T> std::vector<T> read_all(const edgemesh::Tensor &x) {
    std::vector<T> elements;
    edgemesh::visit<float, double, std::complex<float>, std::complex<double>>(
        x, [&](const auto &view) {
            elements.resize(view.size());
            gather(view.data(), 1, view.size(), elements.data());
        });
    return elements;
}

// The type that NumPy gives to a result of these; nullptr is none.
inline edgemesh_dtype promote(std::initializer_list<const edgemesh::Tensor *> tensors) {
    bool complex = false, wide = false;
    for (const edgemesh::Tensor *const tensor : tensors) {
        if (tensor == nullptr) continue;
        complex =
            complex || tensor->is<std::complex<float>>() || tensor->is<std::complex<double>>();
        wide = wide || tensor->is<double>() || tensor->is<std::complex<double>>();
    }
    if (complex) return wide ? EDGEMESH_COMPLEX128 : EDGEMESH_COMPLEX64;
    return wide ? EDGEMESH_FLOAT64 : EDGEMESH_FLOAT32;
}

// function(T()) with the T that is dtype.
template <class Function> void with_type(edgemesh_dtype dtype, Function &&function) {
    switch (dtype) {
    case EDGEMESH_FLOAT32: return function(float());
    case EDGEMESH_FLOAT64: return function(double());
    case EDGEMESH_COMPLEX64: return function(std::complex<float>());
    default: return function(std::complex<double>());
    }
}

inline edgemesh::TensorSpec real(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<float, double>().any_rank().about(about);
}
inline edgemesh::TensorSpec complex(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<std::complex<float>, std::complex<double>>()
        .any_rank()
        .about(about);
}
inline edgemesh::TensorSpec number(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<float, double, std::complex<float>, std::complex<double>>()
        .any_rank()
        .about(about);
}
inline edgemesh::TensorSpec vector(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<float, double, std::complex<float>, std::complex<double>>()
        .shape({-1})
        .about(about);
}

} // namespace dsp
