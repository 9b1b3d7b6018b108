// Filters, as scipy.signal has them: their design, and signals through them.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"

EDGEMESH_PLUGIN("filters", "1.1.0", filters::lfilter(), filters::sosfilt(), filters::filtfilt(),
                filters::sosfiltfilt(), filters::firwin(), filters::butter(), filters::cheby1(),
                filters::cheby2())
