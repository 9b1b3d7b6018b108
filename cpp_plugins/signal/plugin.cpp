// Signals: spectra, convolution, resampling, windows and peaks, as scipy.signal has them.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"

EDGEMESH_PLUGIN("signal", "1.0.0", signals::window(), signals::stft(), signals::istft(),
                signals::welch(), signals::periodogram(), signals::hilbert(), signals::convolve(),
                signals::correlate(), signals::resample(), signals::resample_poly(),
                signals::find_peaks())
