#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>

namespace fft {

std::vector<std::size_t> axes(const edgemesh::Parameters &parameters, std::size_t rank) {
    std::vector<std::size_t> chosen(rank);
    const auto named = parameters.find<std::vector<std::int64_t>>("axes");
    if (!named) {
        std::iota(chosen.begin(), chosen.end(), std::size_t{0});
        return chosen;
    }
    if (named->empty()) throw edgemesh::InvalidInput("parameters.axes", "must not be empty");
    const auto dimensions = static_cast<std::int64_t>(rank);
    chosen.clear();
    for (std::size_t i = 0; i < named->size(); ++i) {
        const std::int64_t axis = (*named)[i];
        const std::string field = "parameters.axes[" + std::to_string(i) + "]";
        if (axis < -dimensions || axis >= dimensions) {
            throw edgemesh::InvalidInput(field, "must lie in " + std::to_string(-dimensions) +
                                                    " to " + std::to_string(dimensions - 1) +
                                                    ", is " + std::to_string(axis));
        }
        const auto index = static_cast<std::size_t>(axis < 0 ? axis + dimensions : axis);
        if (std::find(chosen.begin(), chosen.end(), index) != chosen.end()) {
            throw edgemesh::InvalidInput(field, "names an axis that was named before");
        }
        chosen.push_back(index);
    }
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

double scale(const edgemesh::Parameters &parameters, Direction direction, double points) {
    const auto norm = parameters.get<std::string>("norm", "backward");
    if (norm == "ortho") return 1.0 / std::sqrt(points);
    if (norm == "backward") return direction == Direction::forward ? 1.0 : 1.0 / points;
    if (norm == "forward") return direction == Direction::forward ? 1.0 / points : 1.0;
    throw edgemesh::InvalidInput("parameters.norm", "must be backward, ortho or forward");
}

} // namespace fft
