#include "options.hpp"

namespace image {

using edgemesh::InvalidInput;
using edgemesh::Json;

const Choices borders = {{"constant", cv::BORDER_CONSTANT},
                         {"replicate", cv::BORDER_REPLICATE},
                         {"reflect", cv::BORDER_REFLECT},
                         {"reflect_101", cv::BORDER_REFLECT_101}};

int choose(const edgemesh::Parameters &parameters, const std::string &name, const Choices &choices,
           std::string_view otherwise) {
    const auto chosen = parameters.get<std::string>(name, std::string(otherwise));
    const auto found = std::find_if(choices.begin(), choices.end(),
                                    [&](const Choice &one) { return one.name == chosen; });
    if (found != choices.end()) return found->value;
    std::string names;
    for (const Choice &one : choices) {
        if (!names.empty()) names += one.name == choices.back().name ? " or " : ", ";
        names += one.name;
    }
    throw InvalidInput("parameters." + name, "must be " + names);
}

Json choice_schema(const Choices &choices, std::string_view otherwise,
                   const std::string &description) {
    Json schema{{"enum", Json::array()}, {"description", description}};
    for (const Choice &one : choices) schema["enum"].push_back(one.name);
    if (!otherwise.empty()) schema["default"] = otherwise;
    return schema;
}

Json pair_schema(const std::string &type, const std::string &description) {
    return {{"type", {type, "array"}},
            {"items", {{"type", type}}},
            {"minItems", 2},
            {"maxItems", 2},
            {"description", description + "; one for both directions, or [x, y]"}};
}

} // namespace image
