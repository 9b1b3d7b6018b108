// The design of filters with feedback: zeros, poles and a gain, from an analog prototype by the
// bilinear transform. The steps and their names are scipy.signal's.
#pragma once

#include <array>
#include <complex>
#include <vector>

namespace filters {

using Complex = std::complex<double>;

struct Zpk {
    std::vector<Complex> zeros, poles;
    double gain = 1;
};

enum class Band { low, high, pass, stop };

// Analog low-pass filters with an edge at 1 rad/s. ripple: in the pass band, attenuation: at least
// in the stop band; both in dB.
Zpk butterworth(int order);
Zpk chebyshev1(int order, double ripple);
Zpk chebyshev2(int order, double attenuation);

// The digital filter; edges: parts of Nyquist's frequency, two for pass and stop.
Zpk digital(const Zpk &prototype, Band band, const std::vector<double> &edges);

// The coefficients of the product of (x - root), highest power first; real, since roots are real
// or come in pairs.
std::vector<double> polynomial(const std::vector<Complex> &roots);

// Sections of two poles and two zeros: b0 b1 b2 1 a1 a2. Poles stand beside the zeros that are
// nearest to them; those nearest to the unit circle come last.
std::vector<std::array<double, 6>> sections(const Zpk &filter);

} // namespace filters
