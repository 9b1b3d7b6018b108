// Parameters that several algorithms share, after those of cv2, with their JSON Schemas.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <opencv2/core.hpp>

namespace image {

// Names of an OpenCV enumeration, and their values.
struct Choice {
    std::string_view name;
    int value;
};
using Choices = std::vector<Choice>;

// The value of parameter `name`; InvalidInput if it is none of them.
int choose(const edgemesh::Parameters &parameters, const std::string &name, const Choices &choices,
           std::string_view otherwise);
edgemesh::Json choice_schema(const Choices &choices, std::string_view otherwise,
                             const std::string &description);

// How what lies outside of the image is made up. Filters know no "wrap".
extern const Choices borders;

// A number from `least` to `most`; NaN is none.
template <class T>
T number(const edgemesh::Parameters &parameters, const std::string &name, T otherwise, T least,
         T most) {
    const T value = parameters.get<T>(name, otherwise);
    if (value >= least && value <= most) return value;
    throw edgemesh::InvalidInput("parameters." + name, "must lie in " +
                                                           edgemesh::Json(least).dump() + " to " +
                                                           edgemesh::Json(most).dump() + ", is " +
                                                           edgemesh::Json(value).dump());
}

// One value for both directions, or [x, y].
template <class T> struct Pair {
    T x, y;
};
template <class T>
Pair<T> pair(const edgemesh::Parameters &parameters, const std::string &name, Pair<T> otherwise,
             T least, T most) {
    const std::string field = "parameters." + name;
    const auto json = parameters.find<edgemesh::Json>(name);
    if (!json) return otherwise;
    std::vector<T> both(2);
    if (json->is_array()) {
        both = parameters.get<std::vector<T>>(name);
        if (both.size() != 2) {
            throw edgemesh::InvalidInput(field, "must be one number or two, [x, y]");
        }
    } else {
        both[0] = both[1] = parameters.get<T>(name);
    }
    for (const T one : both) {
        if (one >= least && one <= most) continue;
        throw edgemesh::InvalidInput(field, "must lie in " + edgemesh::Json(least).dump() + " to " +
                                                edgemesh::Json(most).dump() + ", is " +
                                                edgemesh::Json(one).dump());
    }
    return {both[0], both[1]};
}
// type: "integer" or "number".
edgemesh::Json pair_schema(const std::string &type, const std::string &description);

} // namespace image
