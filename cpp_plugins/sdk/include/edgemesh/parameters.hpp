// Parameters: a JSON object, read with types. What does not convert without loss is InvalidInput
// with the path of the field. The JSON Schema has been checked by the executor; what a schema
// cannot say is checked here or by the algorithm.
#ifndef EDGEMESH_PARAMETERS_HPP
#define EDGEMESH_PARAMETERS_HPP

#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "errors.hpp"

namespace edgemesh {

using Json = nlohmann::json;

namespace detail {

template <class T> struct is_vector : std::false_type {};
template <class T> struct is_vector<std::vector<T>> : std::true_type {};

template <class T> T to_integer(const Json &value, const std::string &field) {
    using Limits = std::numeric_limits<T>;
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        if (number <= static_cast<std::uint64_t>(Limits::max())) return static_cast<T>(number);
    } else if (value.is_number_integer()) { // negative: positive ones parse as unsigned
        const auto number = value.get<std::int64_t>();
        if constexpr (std::is_signed_v<T>) {
            if (number >= Limits::min() && number <= Limits::max()) return static_cast<T>(number);
        } else if (number >= 0 && static_cast<std::uint64_t>(number) <= Limits::max()) {
            return static_cast<T>(number);
        }
    } else if (value.is_number_float()) { // JSON Schema counts 2.0 as an integer
        const auto number = value.get<double>();
        const double bound = std::ldexp(1.0, Limits::digits); // max + 1, exactly
        const double lowest = std::is_signed_v<T> ? -bound : 0.0;
        if (std::trunc(number) == number && number >= lowest && number < bound) {
            return static_cast<T>(number);
        }
    }
    throw InvalidInput(field, "must be an integer from " + std::to_string(Limits::min()) + " to " +
                                  std::to_string(Limits::max()));
}

// Whether lists and objects lie in each other deeper than `most`: values are copied and freed by
// recursion. A text that is no JSON may be called deep.
inline bool deeper(std::string_view text, std::size_t most) noexcept {
    std::size_t depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted && c == '\\') {
            ++i;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '[' || c == '{')) {
            if (++depth > most) return true;
        } else if (!quoted && (c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    return false;
}

template <class T> T convert(const Json &value, const std::string &field) {
    if constexpr (std::is_same_v<T, Json>) {
        return value;
    } else if constexpr (std::is_same_v<T, bool>) {
        if (!value.is_boolean()) throw InvalidInput(field, "must be true or false");
        return value.get<bool>();
    } else if constexpr (std::is_same_v<T, std::string>) {
        if (!value.is_string()) throw InvalidInput(field, "must be a string");
        return value.get<std::string>();
    } else if constexpr (std::is_integral_v<T>) {
        return to_integer<T>(value, field);
    } else if constexpr (std::is_floating_point_v<T>) {
        if (!value.is_number()) throw InvalidInput(field, "must be a number");
        const auto number = value.get<double>();
        if (std::abs(number) > static_cast<double>(std::numeric_limits<T>::max())) {
            throw InvalidInput(field, "must be a number that is not as large");
        }
        return static_cast<T>(number);
    } else {
        static_assert(is_vector<T>::value, "no such parameter type");
        if (!value.is_array()) throw InvalidInput(field, "must be a list");
        T items;
        items.reserve(value.size());
        for (std::size_t i = 0; i < value.size(); ++i) {
            items.push_back(
                convert<typename T::value_type>(value[i], field + "[" + std::to_string(i) + "]"));
        }
        return items;
    }
}

} // namespace detail

class Parameters {
  public:
    // InvalidInput unless text is a JSON object; empty text is an empty one.
    explicit Parameters(std::string_view text) : object_(Json::object()) {
        if (text.empty()) return;
        if (detail::deeper(text, most_depth)) {
            throw InvalidInput("parameters",
                               "must not be deeper than " + std::to_string(most_depth));
        }
        object_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
        if (!object_.is_object()) throw InvalidInput("parameters", "must be a JSON object");
    }

    const Json &json() const noexcept { return object_; }
    bool has(const std::string &name) const { return object_.contains(name); }
    static std::string field(const std::string &name) { return "parameters." + name; }

    // T: bool, std::string, an integer, a float, Json, or a std::vector of these.
    template <class T> std::optional<T> find(const std::string &name) const {
        const auto found = object_.find(name);
        if (found == object_.end()) return std::nullopt;
        return detail::convert<T>(*found, field(name));
    }
    template <class T> T get(const std::string &name) const {
        if (auto value = find<T>(name)) return *std::move(value);
        throw InvalidInput(field(name), "is required");
    }
    template <class T> T get(const std::string &name, T otherwise) const {
        if (auto value = find<T>(name)) return *std::move(value);
        return otherwise;
    }

  private:
    static constexpr std::size_t most_depth = 100;

    Json object_;
};

} // namespace edgemesh

#endif
