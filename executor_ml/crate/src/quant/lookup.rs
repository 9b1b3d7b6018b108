//! Levels of four bits become values by looking them up: sixteen values fill one AVX-512 register.
//!
//! The table is scale·level + offset, rounded once, as where each weight is computed: the same bits.
//! A look-up replaces the masking, the conversion and the multiplication of sixteen weights.

use std::arch::x86_64::{
    __m512, _mm_cvtph_ps, _mm_cvtsi32_si128, _mm_loadu_si128, _mm512_castps128_ps512,
    _mm512_cvtepu8_epi32, _mm512_fmadd_ps, _mm512_permutexvar_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setr_ps, _mm512_setzero_si512, _mm512_srli_epi32, _mm512_storeu_ps,
};

/// Values that are looked up at a time.
const LANES: usize = 16;

/// The levels themselves.
#[inline(always)]
unsafe fn levels() -> __m512 {
    // SAFETY: the caller's CPU has AVX-512F.
    unsafe { _mm512_setr_ps(0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.) }
}

/// The values of the levels from 0 to 15.
#[derive(Clone, Copy)]
pub struct Table(__m512);

impl Table {
    /// scale·level + offset.
    ///
    /// # Safety
    /// The CPU has AVX-512F.
    #[inline(always)]
    pub unsafe fn new(scale: f32, offset: f32) -> Self {
        // SAFETY: as told.
        unsafe { Self(_mm512_fmadd_ps(_mm512_set1_ps(scale), levels(), _mm512_set1_ps(offset))) }
    }

    /// The same; scale and offset are two halves that lie one after the other.
    ///
    /// # Safety
    /// The CPU has AVX-512F and F16C.
    #[inline(always)]
    pub unsafe fn of_halves(bytes: &[u8]) -> Self {
        let bits = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        // SAFETY: as told.
        unsafe {
            let both = _mm512_castps128_ps512(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
            let scale = _mm512_permutexvar_ps(_mm512_setzero_si512(), both);
            let offset = _mm512_permutexvar_ps(_mm512_set1_epi32(1), both);
            Self(_mm512_fmadd_ps(scale, levels(), offset))
        }
    }

    /// The values of sixteen bytes' low halves, then of their high ones.
    ///
    /// # Safety
    /// The CPU has AVX-512F.
    #[inline(always)]
    pub unsafe fn nibbles(self, bytes: &[u8], out: &mut [f32; 2 * LANES]) {
        let bytes = &bytes[..LANES];
        // SAFETY: as told; of an index only the lowest four bits count.
        unsafe {
            let levels = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.as_ptr().cast()));
            let high = _mm512_srli_epi32::<4>(levels);
            _mm512_storeu_ps(out.as_mut_ptr(), _mm512_permutexvar_ps(levels, self.0));
            _mm512_storeu_ps(out[LANES..].as_mut_ptr(), _mm512_permutexvar_ps(high, self.0));
        }
    }
}
