#include "ziggurat.hpp"

#include "ziggurat_edges.hpp"

namespace random_numbers {
namespace {

// integers: how many there are in a layer's width.
template <class Real, class Curve>
Layers<Real> layers(const double (&edges)[256], double integers, Curve &&curve) {
    Layers<Real> made{};
    using Integer = typename Layers<Real>::Integer;
    for (std::size_t i = 0; i < 256; ++i) {
        const double inner = edges[i == 0 ? 255 : i - 1];
        made.inside[i] =
            i == 1 ? 0 : static_cast<Integer>(std::nearbyint(inner / edges[i] * integers));
        made.width[i] = static_cast<Real>(edges[i] / integers);
        made.height[i] = i == 0 ? Real{1} : static_cast<Real>(curve(edges[i]));
    }
    return made;
}

double bell(double x) { return std::exp(-0.5 * x * x); }
double decay(double x) { return std::exp(-x); }

// Four of NumPy's numbers in single precision are the second nearest.
Layers<float> single_exponential() {
    Layers<float> made = layers<float>(exponential_edges, 0x1p23, decay);
    made.width[226] = std::nextafter(made.width[226], 1.0F);
    made.height[128] = std::nextafter(made.height[128], 0.0F);
    made.height[154] = std::nextafter(made.height[154], 1.0F);
    made.height[171] = std::nextafter(made.height[171], 0.0F);
    return made;
}

} // namespace

template <> const Layers<double> &normal_layers<double>() {
    static const auto made = layers<double>(normal_edges, 0x1p52, bell);
    return made;
}
template <> const Layers<float> &normal_layers<float>() {
    static const auto made = layers<float>(normal_edges, 0x1p23, bell);
    return made;
}
template <> const Layers<double> &exponential_layers<double>() {
    static const auto made = layers<double>(exponential_edges, 0x1p53, decay);
    return made;
}
template <> const Layers<float> &exponential_layers<float>() {
    static const auto made = single_exponential();
    return made;
}

} // namespace random_numbers
