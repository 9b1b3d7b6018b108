//! AVX2, with VNNI or without. SAFETY: see the module above.

use super::super::{LINE, Line, Machine, ROWS, Work};
use super::{FUSED, ask};
use std::arch::x86_64::*;

/// A line or sixteen lanes in two registers, and all but the products of bytes.
macro_rules! halves_of_avx2 {
    ($with:ident) => {
        type Bytes = [__m256i; 2];
        type Ints = [__m256i; 2];
        type Floats = [__m256; 2];
        const VECTORS: usize = 4;

        #[inline(always)]
        fn load(self, line: &Line) -> Self::Bytes {
            let at = line.as_ptr();
            unsafe { [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(LINE / 2).cast())] }
        }

        #[inline(always)]
        fn ask_behind(self, line: &Line) {
            ask(line);
        }

        #[inline(always)]
        fn low(self, [a, b]: Self::Bytes) -> Self::Bytes {
            unsafe {
                let mask = _mm256_set1_epi8(15);
                [_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)]
            }
        }

        #[inline(always)]
        fn high(self, [a, b]: Self::Bytes) -> Self::Bytes {
            unsafe { self.low([_mm256_srli_epi16::<4>(a), _mm256_srli_epi16::<4>(b)]) }
        }

        #[inline(always)]
        fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes {
            unsafe { [_mm256_or_si256(a[0], b[0]), _mm256_or_si256(a[1], b[1])] }
        }

        #[inline(always)]
        fn shifted(self, [a, b]: Self::Bytes, by: i32, mask: u8) -> Self::Bytes {
            unsafe {
                let (mask, size) = (_mm256_set1_epi8(mask as i8), _mm256_set1_epi32(by.abs()));
                let (a, b) = match by {
                    ..0 => (_mm256_sllv_epi32(a, size), _mm256_sllv_epi32(b, size)),
                    _ => (_mm256_srlv_epi32(a, size), _mm256_srlv_epi32(b, size)),
                };
                [_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)]
            }
        }

        #[inline(always)]
        fn byte(self, [a, b]: Self::Bytes, index: u32) -> Self::Ints {
            unsafe {
                let (by, mask) = (_mm256_set1_epi32(8 * index as i32), _mm256_set1_epi32(255));
                let (a, b) = (_mm256_srlv_epi32(a, by), _mm256_srlv_epi32(b, by));
                [_mm256_and_si256(a, mask), _mm256_and_si256(b, mask)]
            }
        }

        #[inline(always)]
        fn ints(self, value: i32) -> Self::Ints {
            unsafe { [_mm256_set1_epi32(value); 2] }
        }

        #[inline(always)]
        fn floats(self, [a, b]: Self::Ints) -> Self::Floats {
            unsafe { [_mm256_cvtepi32_ps(a), _mm256_cvtepi32_ps(b)] }
        }

        #[inline(always)]
        fn halves(self, bytes: &[u8; 2 * ROWS]) -> Self::Floats {
            let at = bytes.as_ptr();
            unsafe {
                let (a, b) = (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(ROWS).cast()));
                [_mm256_cvtph_ps(a), _mm256_cvtph_ps(b)]
            }
        }

        #[inline(always)]
        fn float(self, value: f32) -> Self::Floats {
            unsafe { [_mm256_set1_ps(value); 2] }
        }

        #[inline(always)]
        fn multiply(self, a: Self::Floats, b: Self::Floats) -> Self::Floats {
            unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
        }

        #[inline(always)]
        fn fma(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
            unsafe {
                if FUSED {
                    [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
                } else {
                    let [x, y] = self.multiply(a, b);
                    [_mm256_add_ps(x, c[0]), _mm256_add_ps(y, c[1])]
                }
            }
        }

        #[inline(always)]
        fn store(self, [a, b]: Self::Floats, out: &mut [f32; ROWS]) {
            let at = out.as_mut_ptr();
            unsafe {
                _mm256_storeu_ps(at, a);
                _mm256_storeu_ps(at.add(ROWS / 2), b);
            }
        }

        fn run<W: Work>(self, work: W) {
            unsafe { $with(self, work) }
        }
    };
}

#[derive(Clone, Copy)]
pub struct AvxVnni(());

impl AvxVnni {
    pub fn here() -> Option<Self> {
        (is_x86_feature_detected!("avxvnni") && Avx2::here().is_some()).then_some(Self(()))
    }
}

#[target_feature(enable = "avxvnni,avx2,fma,f16c")]
fn with_avx_vnni<W: Work>(machine: AvxVnni, work: W) {
    work.with(machine);
}

impl Machine for AvxVnni {
    halves_of_avx2!(with_avx_vnni);

    #[inline(always)]
    fn dot(self, [a, b]: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints {
        let x = i32::from_le_bytes(x.map(|x| x as u8));
        unsafe {
            let x = _mm256_set1_epi32(x);
            [_mm256_dpbusd_avx_epi32(a, bytes[0], x), _mm256_dpbusd_avx_epi32(b, bytes[1], x)]
        }
    }

    #[inline(always)]
    fn start_around(self, sum: i32) -> Self::Ints {
        self.ints(-128 * sum)
    }

    #[inline(always)]
    fn dot_around(self, sums: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints {
        self.dot(sums, bytes, x)
    }
}

#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    pub fn here() -> Option<Self> {
        crate::cpu::avx2().then_some(Self(()))
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn with_avx2<W: Work>(machine: Avx2, work: W) {
    work.with(machine);
}

impl Machine for Avx2 {
    halves_of_avx2!(with_avx2);

    /// Pairs of products fit 16 bits: 2·63·127.
    #[inline(always)]
    fn dot(self, sums: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints {
        let x = i32::from_le_bytes(x.map(|x| x as u8));
        let mut out = sums;
        unsafe {
            let x = _mm256_set1_epi32(x);
            for (sum, bytes) in out.iter_mut().zip(bytes) {
                let pairs = _mm256_maddubs_epi16(bytes, x);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
        out
    }

    #[inline(always)]
    fn start_around(self, _: i32) -> Self::Ints {
        self.ints(0)
    }

    /// |byte - 128| times x with its sign: pairs fit 16 bits, 2·128·127.
    #[inline(always)]
    fn dot_around(self, sums: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints {
        let x = i32::from_le_bytes(x.map(|x| x as u8));
        let mut out = sums;
        unsafe {
            let x = _mm256_set1_epi32(x);
            for (sum, bytes) in out.iter_mut().zip(bytes) {
                let level = _mm256_xor_si256(bytes, _mm256_set1_epi8(-128));
                let turned = _mm256_sign_epi8(x, level);
                let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(level), turned);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
        out
    }
}
