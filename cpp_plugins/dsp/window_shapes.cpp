#include "window_shapes.hpp"

#include <algorithm>
#include <cmath>

#include <boost/math/special_functions/bessel.hpp>

namespace dsp::shapes {
namespace {

constexpr double pi = 3.14159265358979323846;

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(pi * x) / (pi * x); }

// function(i) for the first half of the points, and its mirror image.
template <class Function> Values mirrored(std::size_t count, Function &&function) {
    Values values(count);
    for (std::size_t i = 0; i < (count + 1) / 2; ++i) {
        values[i] = values[count - 1 - i] = function(static_cast<double>(i));
    }
    return values;
}

// The modified Bessel function of order 0; infinite where it overflows.
double bessel_i0(double x) {
    namespace policies = boost::math::policies;
    using Quiet = policies::policy<policies::overflow_error<policies::ignore_error>,
                                   policies::promote_double<false>>;
    return boost::math::cyl_bessel_i(0, x, Quiet());
}

} // namespace

// Every 64th angle's cosine and sine is computed, those between by rotating it: a sixteenth of the
// time, and an error of about one unit in the last place.
Values general_cosine(std::size_t count, const std::vector<double> &a) {
    constexpr std::size_t block = 64;
    const double step = 2.0 * pi / static_cast<double>(count - 1);
    double fine_cos[block], fine_sin[block];
    for (std::size_t j = 0; j < block; ++j) {
        fine_cos[j] = std::cos(static_cast<double>(j) * step);
        fine_sin[j] = std::sin(static_cast<double>(j) * step);
    }
    Values values(count);
    const std::size_t half = (count + 1) / 2;
    for (std::size_t begin = 0; begin < half; begin += block) {
        const double angle = static_cast<double>(begin) * step - pi;
        const double cos = std::cos(angle), sin = std::sin(angle);
        const std::size_t size = std::min(block, half - begin);
        for (std::size_t j = 0; j < size; ++j) {
            const double x = cos * fine_cos[j] - sin * fine_sin[j];
            double sum = 0.0, before = 1.0, now = x; // Chebyshev: cos(k t) out of cos(t)
            if (!a.empty()) sum += a[0];
            for (std::size_t k = 1; k < a.size(); ++k) {
                sum += a[k] * now;
                const double next = 2.0 * x * now - before;
                before = now;
                now = next;
            }
            values[begin + j] = sum;
        }
    }
    for (std::size_t i = half; i < count; ++i) values[i] = values[count - 1 - i];
    return values;
}

Values triang(std::size_t count) {
    const auto n = static_cast<double>(count);
    return count % 2 == 0 ? mirrored(count, [n](double i) { return (2.0 * i + 1.0) / n; })
                          : mirrored(count, [n](double i) { return 2.0 * (i + 1.0) / (n + 1.0); });
}

Values bartlett(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) { return 2.0 * i / (n - 1.0); });
}

Values parzen(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) {
        const double x = (n - 1.0) / 2.0 - i, part = x / (n / 2.0);
        return x <= (n - 1.0) / 4.0 ? 1.0 - 6.0 * part * part + 6.0 * part * part * part
                                    : 2.0 * std::pow(1.0 - part, 3.0);
    });
}

Values bohman(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) {
        if (i == 0.0) return 0.0;
        const double x = std::abs(2.0 * i / (n - 1.0) - 1.0);
        return (1.0 - x) * std::cos(pi * x) + std::sin(pi * x) / pi;
    });
}

Values barthann(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) {
        const double x = std::abs(i / (n - 1.0) - 0.5);
        return 0.62 - 0.48 * x + 0.38 * std::cos(2.0 * pi * x);
    });
}

Values cosine(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) { return std::sin(pi / n * (i + 0.5)); });
}

Values lanczos(std::size_t count) {
    const auto n = static_cast<double>(count);
    return mirrored(count, [n](double i) { return sinc(2.0 * (n - 1.0 - i) / (n - 1.0) - 1.0); });
}

Values tukey(std::size_t count, double alpha) {
    if (alpha <= 0.0) return Values(count, 1.0);
    if (alpha >= 1.0) return general_cosine(count, {0.5, 0.5});
    const auto n = static_cast<double>(count);
    const double width = std::floor(alpha * (n - 1.0) / 2.0);
    return mirrored(count, [=](double i) {
        if (i > width) return 1.0;
        return 0.5 * (1.0 + std::cos(pi * (-1.0 + 2.0 * i / alpha / (n - 1.0))));
    });
}

Values kaiser(std::size_t count, double beta) {
    const double middle = (static_cast<double>(count) - 1.0) / 2.0;
    const double most = bessel_i0(beta);
    return mirrored(count, [=](double i) {
        const double x = (i - middle) / middle;
        return bessel_i0(beta * std::sqrt(std::max(0.0, 1.0 - x * x))) / most;
    });
}

Values general_gaussian(std::size_t count, double p, double sigma) {
    const double middle = (static_cast<double>(count) - 1.0) / 2.0;
    return mirrored(count, [=](double i) {
        const double x = std::abs((i - middle) / sigma);
        return std::exp(-0.5 * (p == 1.0 ? x * x : std::pow(x, 2.0 * p)));
    });
}

Values exponential(std::size_t count, double center, double tau) {
    Values values(count);
    for (std::size_t i = 0; i < count; ++i) {
        values[i] = std::exp(-std::abs(static_cast<double>(i) - center) / tau);
    }
    return values;
}

Values taylor(std::size_t count, int nbar, double sidelobe_db, bool norm) {
    const auto n = static_cast<double>(count);
    const double a = std::acosh(std::pow(10.0, sidelobe_db / 20.0)) / pi;
    const double s2 = nbar * nbar / (a * a + (nbar - 0.5) * (nbar - 0.5));
    std::vector<double> weights;
    for (int m = 1; m < nbar; ++m) {
        double numerator = m % 2 == 1 ? 1.0 : -1.0, denominator = 2.0;
        for (int i = 1; i < nbar; ++i) {
            numerator *= 1.0 - m * m / s2 / (a * a + (i - 0.5) * (i - 0.5));
            if (i != m) denominator *= 1.0 - static_cast<double>(m) * m / (i * i);
        }
        weights.push_back(numerator / denominator);
    }
    const auto at = [&](double i) {
        double sum = 0.0;
        for (std::size_t m = 0; m < weights.size(); ++m) {
            sum += weights[m] *
                   std::cos(2.0 * pi * static_cast<double>(m + 1) * (i - n / 2.0 + 0.5) / n);
        }
        return 1.0 + 2.0 * sum;
    };
    const double factor = norm ? 1.0 / at((n - 1.0) / 2.0) : 1.0;
    return mirrored(count, [&](double i) { return factor * at(i); });
}

} // namespace dsp::shapes
