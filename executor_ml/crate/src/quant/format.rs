//! How weights lie in a file: blocks of bytes, unpacked to f32 thirty-two values at a time.
//!
//! Layouts are ggml's. Plain types are blocks too, so that one product serves every type. Unpacking
//! is written without branches or calls: `product` compiles it for each level of vector
//! instructions.

#[cfg(target_arch = "x86_64")]
use super::lookup::Table;
use crate::numeric::fma;

/// Values that are unpacked at a time.
pub const PART: usize = 32;

/// Levels of instructions: any CPU; one that converts halves itself; one with AVX-512 too.
pub const PORTABLE: u8 = 0;
pub const AVX2: u8 = 1;
pub const AVX512: u8 = 2;

pub trait Format: 'static {
    /// Parts in a block.
    const PARTS: usize;
    /// Bytes of a block.
    const BYTES: usize;

    /// Part `part` of a block. `LEVEL`: what the code around it is compiled for.
    fn unpack<const LEVEL: u8>(block: &[u8], part: usize) -> [f32; PART];
}

/// The f16 at byte `at`, of a scale or a weight, hence finite.
#[inline(always)]
pub fn half<const LEVEL: u8>(bytes: &[u8], at: usize) -> f32 {
    let bits = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    #[cfg(target_arch = "x86_64")]
    if LEVEL >= AVX2 {
        use std::arch::x86_64::{_mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32};
        // SAFETY: only code that is compiled for such CPUs says so.
        return unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits)))) };
    }
    f16_value(bits)
}

#[inline(always)]
pub fn f16_value(bits: u16) -> f32 {
    // The exponent's bias is 15, not 127: 2^112 more. Exact for subnormals too.
    const SCALE: f32 = f32::from_bits(239 << 23);
    let bits = u32::from(bits);
    let magnitude = f32::from_bits((bits & 0x7fff) << 13) * SCALE;
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

/// scale·level + offset of the levels in 16 bytes: low nibbles first, then the high ones.
#[inline(always)]
fn nibbles<const LEVEL: u8>(levels: &[u8], scale: f32, offset: f32) -> [f32; PART] {
    let levels = &levels[..PART / 2];
    let mut out = [0.0; PART];
    #[cfg(target_arch = "x86_64")]
    if LEVEL >= AVX512 {
        // SAFETY: only code that is compiled for such CPUs says so.
        unsafe { Table::new(scale, offset).nibbles(levels, &mut out) };
        return out;
    }
    for j in 0..PART / 2 {
        out[j] = fma(scale, f32::from(levels[j] & 15), offset);
    }
    for j in 0..PART / 2 {
        out[j + PART / 2] = fma(scale, f32::from(levels[j] >> 4), offset);
    }
    out
}

pub struct Q4_0;
pub struct Q4_1;
pub struct Q8_0;
pub struct F16;
pub struct BF16;
pub struct F32;

impl Format for Q4_0 {
    const PARTS: usize = 1;
    const BYTES: usize = 18;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        let scale = half::<LEVEL>(block, 0);
        nibbles::<LEVEL>(&block[2..], scale, -8.0 * scale)
    }
}

impl Format for Q4_1 {
    const PARTS: usize = 1;
    const BYTES: usize = 20;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        #[cfg(target_arch = "x86_64")]
        if LEVEL >= AVX512 {
            let mut out = [0.0; PART];
            // SAFETY: only code that is compiled for such CPUs says so.
            unsafe { Table::of_halves(block).nibbles(&block[4..], &mut out) };
            return out;
        }
        nibbles::<LEVEL>(&block[4..], half::<LEVEL>(block, 0), half::<LEVEL>(block, 2))
    }
}

impl Format for Q8_0 {
    const PARTS: usize = 1;
    const BYTES: usize = 34;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        let scale = half::<LEVEL>(block, 0);
        let levels = &block[2..2 + PART];
        let mut out = [0.0; PART];
        for j in 0..PART {
            out[j] = scale * f32::from(levels[j] as i8);
        }
        out
    }
}

impl Format for F16 {
    const PARTS: usize = 1;
    const BYTES: usize = 64;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        let block = &block[..Self::BYTES];
        let mut out = [0.0; PART];
        for (j, value) in out.iter_mut().enumerate() {
            *value = half::<LEVEL>(block, 2 * j);
        }
        out
    }
}

impl Format for BF16 {
    const PARTS: usize = 1;
    const BYTES: usize = 64;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        let block = &block[..Self::BYTES];
        let mut out = [0.0; PART];
        for j in 0..PART {
            let bits = u16::from_le_bytes([block[2 * j], block[2 * j + 1]]);
            out[j] = f32::from_bits(u32::from(bits) << 16);
        }
        out
    }
}

impl Format for F32 {
    const PARTS: usize = 1;
    const BYTES: usize = 128;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], _: usize) -> [f32; PART] {
        let block = &block[..Self::BYTES];
        let mut out = [0.0; PART];
        for (j, value) in out.iter_mut().enumerate() {
            let at = 4 * j;
            *value = f32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::f16_value;

    #[test]
    fn every_finite_f16_is_exact() {
        for bits in (0..=u16::MAX).filter(|b| b & 0x7c00 != 0x7c00) {
            let expected = half::f16::from_bits(bits).to_f32();
            assert_eq!(f16_value(bits).to_bits(), expected.to_bits());
        }
    }
}
