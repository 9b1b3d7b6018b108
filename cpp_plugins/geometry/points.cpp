#include "points.hpp"

#include <algorithm>
#include <cmath>

namespace geometry {

template <class T>
void check_finite(const edgemesh::Tensor &tensor, const edgemesh::View<const T> &numbers) {
    const auto found = std::find_if(numbers.begin(), numbers.end(),
                                    [](const T number) { return !std::isfinite(number); });
    if (found == numbers.end()) return;
    const std::size_t row = static_cast<std::size_t>(found - numbers.begin()) / numbers.length(1);
    throw edgemesh::InvalidInput(tensor.field(),
                                 "must be finite, point " + std::to_string(row) + " is not");
}
template void check_finite(const edgemesh::Tensor &, const edgemesh::View<const float> &);
template void check_finite(const edgemesh::Tensor &, const edgemesh::View<const double> &);

std::vector<double> copy_points(const edgemesh::Tensor &tensor) {
    std::vector<double> copy;
    edgemesh::visit<float, double>(tensor, [&](const auto &points) {
        check_finite(tensor, points);
        copy.assign(points.begin(), points.end());
    });
    return copy;
}

edgemesh::TensorSpec points_spec(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name).of<float, double>().shape({-1, -1}).about(about);
}

} // namespace geometry
