#include "options.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace fft {
namespace {

std::string item(const char *parameter, std::size_t index) {
    return std::string("parameters.") + parameter + "[" + std::to_string(index) + "]";
}

// All axes if none are named; the last ones if only lengths are.
std::vector<std::size_t> chosen_axes(const edgemesh::Parameters &parameters, std::size_t rank,
                                     std::size_t lengths) {
    const auto named = parameters.find<std::vector<std::int64_t>>("axes");
    if (!named) {
        std::vector<std::size_t> last(lengths > 0 ? std::min(lengths, rank) : rank);
        std::iota(last.begin(), last.end(), rank - last.size());
        return last;
    }
    if (named->empty()) throw edgemesh::InvalidInput("parameters.axes", "must not be empty");
    const auto dimensions = static_cast<std::int64_t>(rank);
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < named->size(); ++i) {
        const std::int64_t axis = (*named)[i];
        if (axis < -dimensions || axis >= dimensions) {
            throw edgemesh::InvalidInput(item("axes", i), "must lie in " +
                                                              std::to_string(-dimensions) + " to " +
                                                              std::to_string(dimensions - 1) +
                                                              ", is " + std::to_string(axis));
        }
        const auto index = static_cast<std::size_t>(axis < 0 ? axis + dimensions : axis);
        if (std::find(chosen.begin(), chosen.end(), index) != chosen.end()) {
            throw edgemesh::InvalidInput(item("axes", i), "names an axis that was named before");
        }
        chosen.push_back(index);
    }
    return chosen;
}

} // namespace

double Axes::points() const {
    return std::accumulate(
        lengths.begin(), lengths.end(), 1.0,
        [](double product, std::int64_t length) { return product * static_cast<double>(length); });
}

edgemesh::Shape Axes::apply_to(edgemesh::Shape shape) const {
    for (std::size_t i = 0; i < chosen.size(); ++i) shape[chosen[i]] = lengths[i];
    return shape;
}

std::vector<std::size_t> Axes::sorted() const {
    std::vector<std::size_t> ascending = chosen;
    std::sort(ascending.begin(), ascending.end());
    return ascending;
}

Axes axes(const edgemesh::Parameters &parameters, const edgemesh::Tensor &x, bool halved) {
    if (x.rank() == 0) {
        throw edgemesh::InvalidInput(x.field(), "must have at least one dimension");
    }
    const auto wanted = parameters.find<std::vector<std::int64_t>>("s");
    Axes axes{chosen_axes(parameters, x.rank(), wanted ? wanted->size() : 0), {}};
    if (wanted && wanted->size() != axes.chosen.size()) {
        throw edgemesh::InvalidInput("parameters.s", "must have a length for each axis, " +
                                                         std::to_string(axes.chosen.size()) +
                                                         ", has " + std::to_string(wanted->size()));
    }
    for (std::size_t i = 0; i < axes.chosen.size(); ++i) {
        constexpr std::int64_t most = std::int64_t{1} << 40;
        std::int64_t length = x.shape()[axes.chosen[i]];
        if (wanted && (*wanted)[i] != -1) { // -1: as it is
            length = (*wanted)[i];
            if (length < 1 || length > most) {
                throw edgemesh::InvalidInput(item("s", i), "must be -1 or 1 to 2^40, is " +
                                                               std::to_string(length));
            }
        } else if (halved && i + 1 == axes.chosen.size()) {
            length = 2 * (length - 1);
            if (length < 1) {
                throw edgemesh::InvalidInput(
                    x.field(), "must have at least 2 elements along the last axis to transform, "
                               "unless parameters.s states the result's length");
            }
        }
        axes.lengths.push_back(length);
    }
    return axes;
}

double scale(const edgemesh::Parameters &parameters, Direction direction, double points) {
    const auto norm = parameters.get<std::string>("norm", "backward");
    if (norm == "ortho") return 1.0 / std::sqrt(points);
    if (norm == "backward") return direction == Direction::forward ? 1.0 : 1.0 / points;
    if (norm == "forward") return direction == Direction::forward ? 1.0 / points : 1.0;
    throw edgemesh::InvalidInput("parameters.norm", "must be backward, ortho or forward");
}

} // namespace fft
