// FFTW's two precisions behind one name.
#pragma once

#include <complex>

#include <fftw3.h>

namespace fft {

template <class Real> struct Fftw;

#define FFT_PRECISION(Real, prefix)                                                                \
    template <> struct Fftw<Real> {                                                                \
        using Plan = prefix##_plan;                                                                \
        using Dimension = prefix##_iodim64;                                                        \
        static constexpr auto plan_complex = prefix##_plan_guru64_dft;                             \
        static constexpr auto plan_real = prefix##_plan_guru64_dft_r2c;                            \
        static constexpr auto plan_inverse = prefix##_plan_guru64_dft_c2r;                         \
        static constexpr auto execute_complex = prefix##_execute_dft;                              \
        static constexpr auto execute_real = prefix##_execute_dft_r2c;                             \
        static constexpr auto execute_inverse = prefix##_execute_dft_c2r;                          \
        static constexpr auto destroy = prefix##_destroy_plan;                                     \
        static constexpr auto alignment = prefix##_alignment_of;                                   \
        static constexpr auto allocate = prefix##_malloc;                                          \
        static constexpr auto release = prefix##_free;                                             \
        /* FFTW's complex is layout-compatible; out-of-place plans keep their input. */            \
        static prefix##_complex *data(const std::complex<Real> *from) {                            \
            return reinterpret_cast<prefix##_complex *>(const_cast<std::complex<Real> *>(from));   \
        }                                                                                          \
    };
FFT_PRECISION(float, fftwf)
FFT_PRECISION(double, fftw)
#undef FFT_PRECISION

} // namespace fft
