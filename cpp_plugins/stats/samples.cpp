#include "samples.hpp"

#include <cstdint>
#include <limits>

namespace stats {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::Shape;
using edgemesh::Tensor;

Lines lines(const edgemesh::Parameters &parameters, const Tensor &tensor, const Json &otherwise) {
    const Shape &shape = tensor.shape();
    const auto product = [](auto begin, auto end) {
        std::size_t size = 1;
        for (auto length = begin; length != end; ++length)
            size *= static_cast<std::size_t>(*length);
        return size;
    };
    Json chosen = parameters.get<Json>("axis", otherwise);
    Lines lines{1, product(shape.begin(), shape.end()), 1, {}};
    if (!chosen.is_null()) {
        const auto rank = static_cast<std::int64_t>(shape.size());
        auto axis = parameters.has("axis") ? parameters.get<std::int64_t>("axis")
                                           : chosen.get<std::int64_t>();
        if (axis < -rank || axis >= rank) {
            throw InvalidInput("parameters.axis", "must lie in " + std::to_string(-rank) + " to " +
                                                      std::to_string(rank - 1) + ", is " +
                                                      std::to_string(axis));
        }
        if (axis < 0) axis += rank;
        const auto at = shape.begin() + axis;
        lines = {product(shape.begin(), at), static_cast<std::size_t>(*at),
                 product(at + 1, shape.end()), Shape(shape.begin(), at)};
        lines.reduced.insert(lines.reduced.end(), at + 1, shape.end());
    }
    if (lines.length == 0) throw InvalidInput(tensor.field(), "must not be empty along the axis");
    return lines;
}

Json axis_schema(const Json &otherwise) {
    return {{"type", {"integer", "null"}},
            {"default", otherwise},
            {"description", "negative ones from the end; null: of the flattened array"}};
}

void check_table(const Tensor &tensor) {
    if (tensor.rank() != 2) {
        throw InvalidInput(tensor.field(), "must have two dimensions, has the shape " +
                                               edgemesh::shape_text(tensor.shape()));
    }
    for (const std::int64_t length : tensor.shape()) {
        if (length > std::numeric_limits<std::int32_t>::max()) {
            throw InvalidInput(tensor.field(), "must have dimensions shorter than 2^31");
        }
    }
}

edgemesh::TensorSpec reals(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<float, double>().any_rank().about(about);
}
edgemesh::TensorSpec doubles(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<double>().any_rank().about(about);
}

} // namespace stats
