// How a signal is cut into overlapping segments that are transformed: the parameters that stft,
// welch and periodogram share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace signals {

enum class Detrend { none, constant, linear };

struct Segmenting {
    std::size_t nperseg = 0, nfft = 0;
    std::size_t step = 0; // from one segment to the next, which may leave gaps
    std::vector<double> window;
    Detrend detrend = Detrend::none;
    bool onesided = true;
    double fs = 1.0;

    std::size_t bins() const { return onesided ? nfft / 2 + 1 : nfft; }
    // Those that fit into a length of at least nperseg.
    std::size_t segments(std::size_t length) const { return (length - nperseg) / step + 1; }
    // Multiplies the window, so that its transforms are densities (V/sqrt(Hz)), or else spectra.
    void scale_window(bool density);
};

// length: of the signal. window: the default.
Segmenting segmenting(const edgemesh::Call &call, const edgemesh::Tensor &x, std::size_t length,
                      const edgemesh::Json &window);

// The same for a single segment, which is the whole signal.
Segmenting one_segment(const edgemesh::Call &call, const edgemesh::Tensor &x, std::size_t length,
                       const edgemesh::Json &window);

// As scipy.fft.fftfreq and rfftfreq.
void write_frequencies(const Segmenting &how, edgemesh::Call &call);

// The parameters, but for window and scaling.
edgemesh::Algorithm with_segmenting(edgemesh::Algorithm algorithm, const edgemesh::Json &detrend);

} // namespace signals
