// What the plugin offers: one function for each algorithm, which describes it.
#pragma once

#include <edgemesh_plugin.hpp>

namespace signals {

edgemesh::Algorithm window();
edgemesh::Algorithm stft();
edgemesh::Algorithm istft();
edgemesh::Algorithm welch();
edgemesh::Algorithm periodogram();
edgemesh::Algorithm hilbert();
edgemesh::Algorithm convolve();
edgemesh::Algorithm correlate();
edgemesh::Algorithm resample();
edgemesh::Algorithm resample_poly();
edgemesh::Algorithm find_peaks();

} // namespace signals
