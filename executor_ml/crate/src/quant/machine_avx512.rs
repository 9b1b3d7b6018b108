//! AVX-512 with VNNI. SAFETY: see the module above.

use super::super::{Line, Machine, ROWS, Work};
use super::{FUSED, ask};
use std::arch::x86_64::*;

#[derive(Clone, Copy)]
pub struct Avx512Vnni(());

impl Avx512Vnni {
    pub fn here() -> Option<Self> {
        let has = is_x86_feature_detected!("avx512vnni") && crate::cpu::avx512();
        has.then_some(Self(()))
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma,f16c")]
fn with_avx512<W: Work>(machine: Avx512Vnni, work: W) {
    work.with(machine);
}

impl Machine for Avx512Vnni {
    type Bytes = __m512i;
    type Ints = __m512i;
    type Floats = __m512;
    const VECTORS: usize = 8;

    #[inline(always)]
    fn load(self, line: &Line) -> __m512i {
        unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
    }

    #[inline(always)]
    fn ask_behind(self, line: &Line) {
        ask(line);
    }

    #[inline(always)]
    fn low(self, bytes: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(bytes, _mm512_set1_epi8(15)) }
    }

    #[inline(always)]
    fn high(self, bytes: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), _mm512_set1_epi8(15)) }
    }

    #[inline(always)]
    fn or(self, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    fn shifted(self, bytes: __m512i, by: i32, mask: u8) -> __m512i {
        unsafe {
            let shifted = match by {
                ..0 => _mm512_sllv_epi32(bytes, _mm512_set1_epi32(-by)),
                _ => _mm512_srlv_epi32(bytes, _mm512_set1_epi32(by)),
            };
            _mm512_and_si512(shifted, _mm512_set1_epi8(mask as i8))
        }
    }

    #[inline(always)]
    fn byte(self, bytes: __m512i, index: u32) -> __m512i {
        unsafe {
            let shifted = _mm512_srlv_epi32(bytes, _mm512_set1_epi32(8 * index as i32));
            _mm512_and_si512(shifted, _mm512_set1_epi32(255))
        }
    }

    #[inline(always)]
    fn ints(self, value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }

    #[inline(always)]
    fn dot(self, sums: __m512i, bytes: __m512i, x: &[i8; 4]) -> __m512i {
        let x = i32::from_le_bytes(x.map(|x| x as u8));
        unsafe { _mm512_dpbusd_epi32(sums, bytes, _mm512_set1_epi32(x)) }
    }

    #[inline(always)]
    fn start_around(self, sum: i32) -> __m512i {
        self.ints(-128 * sum)
    }

    #[inline(always)]
    fn dot_around(self, sums: __m512i, bytes: __m512i, x: &[i8; 4]) -> __m512i {
        self.dot(sums, bytes, x)
    }

    #[inline(always)]
    fn floats(self, ints: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(ints) }
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8; 2 * ROWS]) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(bytes.as_ptr().cast())) }
    }

    #[inline(always)]
    fn float(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    fn multiply(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe {
            if FUSED { _mm512_fmadd_ps(a, b, c) } else { _mm512_add_ps(_mm512_mul_ps(a, b), c) }
        }
    }

    #[inline(always)]
    fn store(self, floats: __m512, out: &mut [f32; ROWS]) {
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), floats) }
    }

    fn run<W: Work>(self, work: W) {
        unsafe { with_avx512(self, work) }
    }
}
