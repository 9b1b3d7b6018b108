// A JSON Schema in a few words, for people: what is common in plugins; of the rest its type.
#ifndef EDGEMESH_TOOLS_SCHEMA_TEXT_HPP
#define EDGEMESH_TOOLS_SCHEMA_TEXT_HPP

#include <string>

#include <nlohmann/json.hpp>

namespace edgemesh::tools {

using Json = nlohmann::json;

std::string schema_text(const Json &schema);

namespace detail {

inline std::string joined(const Json &items, const char *between,
                          std::string (*text)(const Json &)) {
    std::string all;
    for (const Json &item : items) all += (all.empty() ? "" : between) + text(item);
    return all;
}

inline std::string quoted(const Json &value) { return "`" + value.dump() + "`"; }

// ", at least 1, less than 10"
inline std::string bounds(const Json &schema) {
    std::string text;
    const auto add = [&](const char *member, const char *words) {
        if (schema.contains(member)) text += std::string(", ") + words + schema[member].dump();
    };
    add("minimum", "at least ");
    add("exclusiveMinimum", "more than ");
    add("maximum", "at most ");
    add("exclusiveMaximum", "less than ");
    add("multipleOf", "a multiple of ");
    add("minLength", "length at least ");
    add("maxLength", "length at most ");
    add("minItems", "length at least ");
    add("maxItems", "length at most ");
    return text;
}

inline std::string members(const Json &schema) {
    std::string text;
    const Json properties = schema.value("properties", Json::object());
    for (const auto &[name, property] : properties.items()) {
        text += (text.empty() ? ": " : "; ") + ("`" + name + "` " + schema_text(property));
    }
    return text;
}

inline std::string of_type(const std::string &type, const Json &schema) {
    if (type == "array") {
        const Json items = schema.value("items", Json::object());
        const std::string one = schema_text(items);
        const bool plain = one.find(' ') == std::string::npos;
        return "list" +
               (items.empty() ? ""
                : plain       ? " of " + one
                              : " of (" + one + ")") +
               bounds(schema);
    }
    if (type == "object") return "object" + members(schema);
    if (type == "boolean") return "true or false";
    return type + bounds(schema);
}

} // namespace detail

inline std::string schema_text(const Json &schema) {
    if (!schema.is_object()) return "any value";
    if (schema.contains("enum")) return detail::joined(schema["enum"], ", ", detail::quoted);
    if (schema.contains("const")) return detail::quoted(schema["const"]);
    for (const char *const any : {"anyOf", "oneOf"}) {
        if (schema.contains(any)) return detail::joined(schema[any], " or ", schema_text);
    }
    const Json type = schema.value("type", Json());
    if (type.is_string()) return detail::of_type(type, schema);
    std::string text;
    for (const Json &one : type.is_array() ? type : Json::array()) {
        text += (text.empty() ? "" : " or ") + detail::of_type(one, schema);
    }
    return text.empty() ? "any value" : text;
}

} // namespace edgemesh::tools

#endif
