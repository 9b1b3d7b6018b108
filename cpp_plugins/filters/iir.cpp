#include "iir.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace filters {
namespace {

constexpr double pi = 3.14159265358979323846;
constexpr double rate = 2.0; // of the bilinear transform: edges are parts of Nyquist's frequency
constexpr double twice = 2 * rate;

// prod(a - z) / prod(a - p), where the filter is real.
double quotient(double a, const Zpk &filter) {
    // In turn, so that neither product leaves the range of double.
    Complex value = 1;
    const std::size_t longest = std::max(filter.zeros.size(), filter.poles.size());
    for (std::size_t i = 0; i < longest; ++i) {
        if (i < filter.zeros.size()) value *= a - filter.zeros[i];
        if (i < filter.poles.size()) value /= a - filter.poles[i];
    }
    return value.real();
}

std::size_t degree(const Zpk &filter) { return filter.poles.size() - filter.zeros.size(); }

template <class Function> Zpk mapped(const Zpk &filter, Function &&function) {
    Zpk other = filter;
    for (Complex &zero : other.zeros) zero = function(zero);
    for (Complex &pole : other.poles) pole = function(pole);
    return other;
}

// x becomes two roots: x +- sqrt(x^2 - centre^2).
std::vector<Complex> doubled(const std::vector<Complex> &roots, double centre) {
    std::vector<Complex> both;
    both.reserve(2 * roots.size());
    for (const double sign : {1.0, -1.0}) {
        for (const Complex root : roots) {
            both.push_back(root + sign * std::sqrt(root * root - centre * centre));
        }
    }
    return both;
}

Zpk low(const Zpk &filter, double edge) {
    Zpk other = mapped(filter, [&](Complex root) { return root * edge; });
    other.gain *= std::pow(edge, static_cast<double>(degree(filter)));
    return other;
}

Zpk high(const Zpk &filter, double edge) {
    Zpk other = mapped(filter, [&](Complex root) { return edge / root; });
    other.zeros.resize(other.poles.size());
    other.gain *= quotient(0, filter);
    return other;
}

Zpk pass(const Zpk &filter, double centre, double width) {
    Zpk other = mapped(filter, [&](Complex root) { return root * (width / 2); });
    other.zeros = doubled(other.zeros, centre);
    other.poles = doubled(other.poles, centre);
    other.zeros.resize(other.zeros.size() + degree(filter));
    other.gain *= std::pow(width, static_cast<double>(degree(filter)));
    return other;
}

Zpk stop(const Zpk &filter, double centre, double width) {
    Zpk other = mapped(filter, [&](Complex root) { return (width / 2) / root; });
    other.zeros = doubled(other.zeros, centre);
    other.poles = doubled(other.poles, centre);
    for (const double sign : {1.0, -1.0}) {
        other.zeros.insert(other.zeros.end(), degree(filter), Complex(0, sign * centre));
    }
    other.gain *= quotient(0, filter);
    return other;
}

Zpk bilinear(const Zpk &filter) {
    Zpk other = mapped(filter, [](Complex root) { return (twice + root) / (twice - root); });
    other.zeros.resize(other.poles.size(), -1.0);
    other.gain *= quotient(twice, filter);
    return other;
}

// -order + 1, -order + 3, ..., order - 1, each as an angle.
std::vector<double> angles(int order) {
    std::vector<double> all;
    for (int m = -order + 1; m < order; m += 2) all.push_back(pi * m / (2 * order));
    return all;
}

} // namespace

Zpk butterworth(int order) {
    Zpk filter;
    for (const double angle : angles(order)) filter.poles.push_back(-std::polar(1.0, angle));
    return filter;
}

Zpk chebyshev1(int order, double ripple) {
    const double epsilon = std::sqrt(std::pow(10, 0.1 * ripple) - 1);
    const double mu = std::asinh(1 / epsilon) / order;
    Zpk filter;
    for (const double angle : angles(order)) filter.poles.push_back(-std::sinh(Complex(mu, angle)));
    filter.gain = 1 / quotient(0, filter);
    if (order % 2 == 0) filter.gain /= std::sqrt(1 + epsilon * epsilon);
    return filter;
}

Zpk chebyshev2(int order, double attenuation) {
    const double delta = 1 / std::sqrt(std::pow(10, 0.1 * attenuation) - 1);
    const double mu = std::asinh(1 / delta) / order;
    Zpk filter;
    for (const double angle : angles(order)) {
        // The middle one of an odd order has its zero at infinity.
        if (order % 2 == 0 || std::abs(angle) > pi / (4 * order)) {
            filter.zeros.emplace_back(0, 1 / std::sin(angle));
        }
        const Complex pole = -std::polar(1.0, angle);
        filter.poles.push_back(1.0 /
                               Complex(std::sinh(mu) * pole.real(), std::cosh(mu) * pole.imag()));
    }
    filter.gain = 1 / quotient(0, filter);
    return filter;
}

Zpk digital(const Zpk &prototype, Band band, const std::vector<double> &edges) {
    const auto warped = [](double edge) { return twice * std::tan(pi * edge / rate); };
    const double first = warped(edges.front()), last = warped(edges.back());
    const double centre = std::sqrt(first * last), width = last - first;
    switch (band) {
    case Band::low: return bilinear(low(prototype, first));
    case Band::high: return bilinear(high(prototype, first));
    case Band::pass: return bilinear(pass(prototype, centre, width));
    case Band::stop: break;
    }
    return bilinear(stop(prototype, centre, width));
}

std::vector<double> polynomial(const std::vector<Complex> &roots) {
    std::vector<Complex> all{1};
    for (const Complex root : roots) {
        all.emplace_back();
        for (std::size_t i = all.size() - 1; i > 0; --i) all[i] -= root * all[i - 1];
    }
    std::vector<double> real(all.size());
    std::transform(all.begin(), all.end(), real.begin(), [](Complex one) { return one.real(); });
    return real;
}

} // namespace filters
