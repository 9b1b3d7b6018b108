// What is wrong with a plugin's description: the rules of edgemesh_plugin.h and of the contract
// (edgemesh.compute.v1.Algorithm), found at build time instead of by the executor that refuses it.
// Whether a schema is good JSON Schema is left to the executor; that it is an object is not.
#ifndef EDGEMESH_TOOLS_DESCRIPTION_HPP
#define EDGEMESH_TOOLS_DESCRIPTION_HPP

#include <algorithm>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "edgemesh/dtype.hpp"
#include "edgemesh/parameters.hpp"

namespace edgemesh::tools {

using Json = nlohmann::json;

class DescriptionCheck {
  public:
    // Empty if all is well; otherwise each a line, "algorithms[0].name: …".
    static std::vector<std::string> problems(const Json &description) {
        DescriptionCheck check;
        check.plugin(description);
        return std::move(check.problems_);
    }

  private:
    static constexpr std::size_t most_text = 100000;

    void wrong(const std::string &where, const std::string &what) {
        problems_.push_back((where.empty() ? "the description" : where) + ": " + what);
    }

    // A text of 1 to `most` of the characters allowed, or nullptr after a complaint.
    const std::string *text(const Json &object, const std::string &field, const char *member,
                            std::size_t most, std::string_view allowed, const char *expected) {
        const auto found = object.find(member);
        const auto *const value =
            found == object.end() ? nullptr : found->get_ptr<const std::string *>();
        if (value != nullptr && !value->empty() && value->size() <= most &&
            (allowed.empty() || value->find_first_not_of(allowed) == std::string::npos)) {
            return value;
        }
        wrong(field + member, expected);
        return nullptr;
    }

    void version(const Json &object, const std::string &where) {
        text(object, where, "version", 54,
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-",
             "must be a text of 1 to 54 of A-Z a-z 0-9 . _ -");
    }

    void plugin(const Json &description) {
        if (!description.is_object()) return wrong("", "must be a JSON object");
        text(description, "", "name", 100, "abcdefghijklmnopqrstuvwxyz0123456789_-",
             "must be a text of 1 to 100 of a-z 0-9 _ -");
        version(description, "");
        const auto algorithms = description.find("algorithms");
        if (algorithms == description.end() || !algorithms->is_array() || algorithms->empty()) {
            return wrong("algorithms", "must be a list of at least one");
        }
        std::set<std::string> seen;
        for (std::size_t i = 0; i < algorithms->size(); ++i) {
            const std::string where = "algorithms[" + std::to_string(i) + "]";
            const Json &one = (*algorithms)[i];
            if (!one.is_object()) {
                wrong(where, "must be an object");
                continue;
            }
            algorithm(one, where + ".");
            const std::string key =
                one.value("name", Json()).dump() + "@" + one.value("version", Json()).dump();
            if (!seen.insert(key).second) wrong(where, "there are two of " + key);
        }
    }

    void algorithm(const Json &one, const std::string &where) {
        constexpr const char *expected =
            "must be <namespace>.<name>, of at most 200 of a-z 0-9 _ and dots";
        const std::string *const name =
            text(one, where, "name", 200, "abcdefghijklmnopqrstuvwxyz0123456789_.", expected);
        if (name != nullptr && (name->find('.') == std::string::npos || name->front() == '.' ||
                                name->back() == '.' || name->find("..") != std::string::npos)) {
            wrong(where + "name", expected);
        }
        version(one, where);
        text(one, where, "description", most_text, "", "must say what it computes: about(…)");
        for (const char *const schema : {"parameters_schema", "result_schema"}) {
            if (one.contains(schema) && !one[schema].is_object()) {
                wrong(where + schema, "must be an object");
            }
        }
        const auto parameters = one.find("parameters_schema");
        if (parameters != one.end() && parameters->is_object()) {
            schemas(*parameters, where + "parameters_schema.properties");
        }
        flag(one, where, "streams");
        flag(one, where, "idempotent");
        const auto time = one.find("default_run_time_ms");
        if (time != one.end() && !time->is_number_unsigned()) {
            wrong(where + "default_run_time_ms", "must be an integer, at least 0");
        }
        specs(one, where, "inputs");
        specs(one, where, "outputs");
    }

    void schemas(const Json &parameters, const std::string &where) {
        const Json properties = parameters.value("properties", Json::object());
        if (!properties.is_object()) return wrong(where, "must be an object");
        for (const auto &[name, schema] : properties.items()) {
            if (!schema.is_object()) wrong(where + "." + name, "must be a schema, an object");
        }
    }

    void flag(const Json &object, const std::string &where, const char *member) {
        const auto found = object.find(member);
        if (found != object.end() && !found->is_boolean()) {
            wrong(where + member, "must be true or false");
        }
    }

    void specs(const Json &one, const std::string &where, const char *member) {
        const auto found = one.find(member);
        if (found == one.end()) return;
        if (!found->is_array()) return wrong(where + member, "must be a list");
        std::set<std::string> seen;
        for (std::size_t i = 0; i < found->size(); ++i) {
            const Json &spec = (*found)[i];
            const std::string at = where + member + "[" + std::to_string(i) + "].";
            if (!spec.is_object()) {
                wrong(where + member, "must be a list of objects");
                continue;
            }
            const std::string *const name =
                text(spec, at, "name", 200, "", "must be a text of 1 to 200 characters");
            if (name != nullptr && !seen.insert(*name).second) {
                wrong(at + "name", "there are two of " + *name);
            }
            for (const char *const each : {"any_rank", "required", "allow_empty"}) {
                flag(spec, at, each);
            }
            tensor(spec, at);
        }
    }

    void tensor(const Json &spec, const std::string &at) {
        const Json dtypes = spec.value("dtypes", Json::array());
        if (!dtypes.is_array()) wrong(at + "dtypes", "must be a list");
        for (const Json &dtype : dtypes) {
            const auto known = [&](const DtypeInfo &info) { return dtype == info.name; };
            if (!std::any_of(std::begin(dtype_table), std::end(dtype_table), known)) {
                wrong(at + "dtypes", "there is no " + dtype.dump());
            }
        }
        const Json shape = spec.value("shape", Json::array());
        const auto length = [](const Json &one) {
            return one.is_number_integer() && (one.is_number_unsigned() || one >= -1);
        };
        if (!shape.is_array() || shape.size() > EDGEMESH_MAX_RANK ||
            !std::all_of(shape.begin(), shape.end(), length)) {
            wrong(at + "shape", "must be a list of at most 32 lengths, -1 for any");
        }
    }

    std::vector<std::string> problems_;
};

// A plugin's description is not what it must be.
class BadDescription : public std::runtime_error {
  public:
    explicit BadDescription(std::vector<std::string> problems)
        : std::runtime_error(problems.front()), problems_(std::move(problems)) {}
    const std::vector<std::string> &problems() const noexcept { return problems_; }

  private:
    std::vector<std::string> problems_;
};

// Raises BadDescription.
inline Json parse_description(std::string_view text) {
    constexpr std::size_t most_depth = 100; // it is written and freed by recursion
    if (edgemesh::detail::deeper(text, most_depth)) {
        throw BadDescription({"the description: is nested too deeply"});
    }
    Json description = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (description.is_discarded()) throw BadDescription({"the description: is not JSON"});
    std::vector<std::string> problems = DescriptionCheck::problems(description);
    if (!problems.empty()) throw BadDescription(std::move(problems));
    return description;
}

} // namespace edgemesh::tools

#endif
