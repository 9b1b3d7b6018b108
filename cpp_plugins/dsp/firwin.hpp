// Filters without feedback by the window method, as scipy.signal.firwin designs them.
#pragma once

#include <cstddef>
#include <vector>

#include "window.hpp"

namespace dsp {

// bands: the edges, in pairs, as parts of Nyquist's frequency. scaled: exactly 1 at the middle of
// the first band, or at 0 or 1 if it reaches there.
std::vector<double> firwin(std::size_t taps, const std::vector<double> &bands, const Window &window,
                           bool scaled);

} // namespace dsp
