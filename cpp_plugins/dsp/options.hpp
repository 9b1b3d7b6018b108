// Parameters as SciPy's functions have them: null stands for None, which mostly means "as if it
// were absent".
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

#include <edgemesh_plugin.hpp>

namespace dsp {

// The longest line of anything: as many elements as no machine has memory for.
constexpr std::int64_t most_length = std::int64_t{1} << 40;

inline bool is_null(const edgemesh::Parameters &parameters, const std::string &name) {
    return parameters.has(name) && parameters.json().at(name).is_null();
}

template <class T>
std::optional<T> find(const edgemesh::Parameters &parameters, const std::string &name) {
    if (is_null(parameters, name)) return std::nullopt;
    return parameters.find<T>(name);
}

template <class T>
T get(const edgemesh::Parameters &parameters, const std::string &name, T otherwise) {
    return find<T>(parameters, name).value_or(std::move(otherwise));
}

// An integer from low to high.
inline std::optional<std::int64_t> find_integer(const edgemesh::Parameters &parameters,
                                                const std::string &name, std::int64_t low,
                                                std::int64_t high = most_length) {
    const auto value = find<std::int64_t>(parameters, name);
    if (value && (*value < low || *value > high)) {
        throw edgemesh::InvalidInput("parameters." + name, "must lie in " + std::to_string(low) +
                                                               " to " + std::to_string(high) +
                                                               ", is " + std::to_string(*value));
    }
    return value;
}

// One of a few words. InvalidInput lists them.
inline std::string choice(const edgemesh::Parameters &parameters, const std::string &name,
                          const std::string &otherwise, std::initializer_list<const char *> words) {
    auto word = get<std::string>(parameters, name, otherwise);
    std::string list;
    for (const char *const one : words) {
        if (word == one) return word;
        list += (list.empty() ? "" : ", ") + std::string(one);
    }
    throw edgemesh::InvalidInput("parameters." + name, "must be one of " + list);
}

inline double positive(const edgemesh::Parameters &parameters, const std::string &name,
                       double otherwise) {
    const double value = get<double>(parameters, name, otherwise);
    if (!(value > 0.0) || !std::isfinite(value)) {
        throw edgemesh::InvalidInput("parameters." + name, "must be positive and finite");
    }
    return value;
}

// An axis of an array of that rank, which must have one.
inline std::size_t axis(const edgemesh::Parameters &parameters, const edgemesh::Tensor &x,
                        std::int64_t otherwise, const std::string &name = "axis") {
    const auto rank = static_cast<std::int64_t>(x.rank());
    if (rank == 0) {
        throw edgemesh::InvalidInput(x.field(), "must have at least one dimension");
    }
    const auto value = get<std::int64_t>(parameters, name, otherwise);
    if (value < -rank || value >= rank) {
        throw edgemesh::InvalidInput("parameters." + name, "must lie in " + std::to_string(-rank) +
                                                               " to " + std::to_string(rank - 1) +
                                                               ", is " + std::to_string(value));
    }
    return static_cast<std::size_t>(value < 0 ? value + rank : value);
}

// JSON Schemas of parameters.
inline edgemesh::Json schema(const char *type, const char *about) {
    return {{"type", type}, {"description", about}};
}
inline edgemesh::Json nullable(const char *type, const char *about) {
    return {{"type", {type, "null"}}, {"description", about}};
}
template <class T> edgemesh::Json schema(const char *type, const char *about, const T &otherwise) {
    return {{"type", type}, {"description", about}, {"default", otherwise}};
}
inline edgemesh::Json words(std::initializer_list<edgemesh::Json> some, const char *about,
                            const edgemesh::Json &otherwise) {
    return {{"enum", edgemesh::Json(edgemesh::Json::array_t(some))},
            {"description", about},
            {"default", otherwise}};
}

} // namespace dsp
