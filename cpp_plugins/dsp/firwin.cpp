#include "firwin.hpp"

#include <cmath>

namespace dsp {
namespace {

constexpr double pi = 3.14159265358979323846;

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(pi * x) / (pi * x); }

} // namespace

std::vector<double> firwin(std::size_t taps, const std::vector<double> &bands, const Window &window,
                           bool scaled) {
    std::vector<double> h = window.values(taps, /*periodic=*/false);
    const double middle = 0.5 * (static_cast<double>(taps) - 1.0);
    const double left = bands[0], right = bands[1];
    const double at = left == 0.0 ? 0.0 : right == 1.0 ? 1.0 : 0.5 * (left + right);
    double sum = 0.0;
    for (std::size_t i = 0; i < taps; ++i) {
        const double m = static_cast<double>(i) - middle;
        double value = 0.0;
        for (std::size_t band = 0; band < bands.size(); band += 2) {
            value +=
                bands[band + 1] * sinc(bands[band + 1] * m) - bands[band] * sinc(bands[band] * m);
        }
        h[i] *= value;
        sum += h[i] * std::cos(pi * m * at);
    }
    if (scaled) {
        for (double &value : h) value /= sum;
    }
    return h;
}

} // namespace dsp
