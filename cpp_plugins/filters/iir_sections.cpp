// Zeros and poles to second-order sections, in the order that scipy.signal.zpk2sos finds them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include <edgemesh_plugin.hpp>

#include "iir.hpp"

namespace filters {
namespace {

using Roots = std::vector<Complex>;

bool is_real(Complex root) { return root.imag() == 0; }

// Rounding has torn a pair apart.
edgemesh::Failure unpaired() {
    return {"NoPairs", "the filter's roots cannot be told into pairs: lower the order, or widen "
                       "the band"};
}

// One root of each pair, the one above the axis, then the real ones; each sorted by its real part.
Roots halves(Roots roots) {
    const double tolerance = 100 * std::numeric_limits<double>::epsilon();
    std::stable_sort(roots.begin(), roots.end(), [](Complex a, Complex b) {
        return a.real() != b.real() ? a.real() < b.real() : std::abs(a.imag()) < std::abs(b.imag());
    });
    Roots above, below, real;
    for (const Complex root : roots) {
        if (std::abs(root.imag()) <= tolerance * std::abs(root)) {
            real.emplace_back(root.real());
        } else {
            (root.imag() > 0 ? above : below).push_back(root);
        }
    }
    if (above.size() != below.size()) throw unpaired();
    // What has almost the same real part is put in order by the imaginary one, so that pairs meet.
    for (std::size_t i = 0; i < above.size();) {
        std::size_t end = i + 1;
        while (end < above.size() &&
               above[end].real() - above[end - 1].real() <= tolerance * std::abs(above[end - 1])) {
            ++end;
        }
        for (Roots *const half : {&above, &below}) {
            const auto begin = half->begin();
            std::stable_sort(
                begin + static_cast<std::ptrdiff_t>(i), begin + static_cast<std::ptrdiff_t>(end),
                [](Complex a, Complex b) { return std::abs(a.imag()) < std::abs(b.imag()); });
        }
        i = end;
    }
    for (std::size_t i = 0; i < above.size(); ++i)
        above[i] = (above[i] + std::conj(below[i])) / 2.0;
    above.insert(above.end(), real.begin(), real.end());
    return above;
}

// Takes the root that is least by `rank`, among those that `fits`.
template <class Rank, class Fits> Complex take_least(Roots &roots, Rank &&rank, Fits &&fits) {
    std::size_t best = roots.size();
    for (std::size_t i = 0; i < roots.size(); ++i) {
        if (fits(roots[i]) && (best == roots.size() || rank(roots[i]) < rank(roots[best])))
            best = i;
    }
    if (best == roots.size()) throw unpaired();
    const Complex root = roots[best];
    roots.erase(roots.begin() + static_cast<std::ptrdiff_t>(best));
    return root;
}

bool any(Complex) { return true; }
bool paired(Complex root) { return !is_real(root); }

double from_circle(Complex pole) { return std::abs(1 - std::abs(pole)); }

// x^2 + ... of two roots.
std::array<double, 3> quadratic(Complex a, Complex b) {
    return {1, -(a + b).real(), (a * b).real()};
}

std::ptrdiff_t count_real(const Roots &roots) {
    return std::count_if(roots.begin(), roots.end(), is_real);
}

} // namespace

std::vector<std::array<double, 6>> sections(const Zpk &filter) {
    Roots zeros = filter.zeros, poles = filter.poles;
    if (poles.size() % 2 == 1) { // a section of one pole has another at 0
        poles.emplace_back();
        zeros.emplace_back();
    }
    std::vector<std::array<double, 6>> all(poles.size() / 2);
    zeros = halves(zeros), poles = halves(poles);
    for (auto section = all.rbegin(); section != all.rend(); ++section) {
        const Complex pole = take_least(poles, from_circle, any);
        const auto distance = [&](Complex zero) { return std::abs(zero - pole); };
        Complex other_pole = std::conj(pole);
        Complex zero, other_zero;
        if (is_real(pole) && count_real(poles) == 0) { // the last real one: its other is 0
            other_pole = 0;
            zero = take_least(zeros, distance, is_real);
        } else if (!is_real(pole) && poles.size() + 1 == zeros.size() && count_real(poles) == 1 &&
                   count_real(zeros) == 1) { // the last real zero is the last real pole's
            zero = take_least(zeros, distance, paired);
            other_zero = std::conj(zero);
        } else {
            if (is_real(pole)) other_pole = take_least(poles, from_circle, is_real);
            zero = take_least(zeros, distance, any);
            other_zero = is_real(zero) ? take_least(zeros, distance, is_real) : std::conj(zero);
        }
        const auto b = quadratic(zero, other_zero), a = quadratic(pole, other_pole);
        *section = {b[0], b[1], b[2], a[0], a[1], a[2]};
    }
    for (std::size_t i = 0; i < 3; ++i) all[0][i] *= filter.gain;
    return all;
}

} // namespace filters
