//! The K formats: super-blocks of 256 values, with small scales of their own for each part.

use super::format::{Format, PART, half};
use crate::numeric::fma;

pub struct Q4K;
pub struct Q5K;
pub struct Q6K;

/// Scale and minimum of part `part`: eight pairs of six bits in twelve bytes.
#[inline(always)]
fn scale_and_minimum(packed: &[u8], part: usize) -> (f32, f32) {
    let (scale, minimum) = if part < 4 {
        (packed[part] & 63, packed[part + 4] & 63)
    } else {
        let (low, high) = (packed[part + 4], (packed[part - 4] >> 6, packed[part] >> 6));
        (low & 15 | high.0 << 4, low >> 4 | high.1 << 4)
    };
    (f32::from(scale), f32::from(minimum))
}

impl Format for Q4K {
    const PARTS: usize = 8;
    const BYTES: usize = 144;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], part: usize) -> [f32; PART] {
        let (scale, minimum) = scale_and_minimum(&block[4..16], part);
        let (scale, offset) = (half::<LEVEL>(block, 0) * scale, -half::<LEVEL>(block, 2) * minimum);
        // Two parts share 32 bytes: the low nibbles are the first, the high the second.
        let levels = &block[16 + part / 2 * PART..][..PART];
        let shift = part % 2 * 4;
        let mut out = [0.0; PART];
        for j in 0..PART {
            out[j] = fma(scale, f32::from(levels[j] >> shift & 15), offset);
        }
        out
    }
}

impl Format for Q5K {
    const PARTS: usize = 8;
    const BYTES: usize = 176;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], part: usize) -> [f32; PART] {
        let (scale, minimum) = scale_and_minimum(&block[4..16], part);
        let (scale, offset) = (half::<LEVEL>(block, 0) * scale, -half::<LEVEL>(block, 2) * minimum);
        let fifth = &block[16..16 + PART];
        let levels = &block[48 + part / 2 * PART..][..PART];
        let shift = part % 2 * 4;
        let mut out = [0.0; PART];
        for j in 0..PART {
            let level = levels[j] >> shift & 15 | (fifth[j] >> part & 1) << 4;
            out[j] = fma(scale, f32::from(level), offset);
        }
        out
    }
}

impl Format for Q6K {
    const PARTS: usize = 8;
    const BYTES: usize = 210;

    #[inline(always)]
    fn unpack<const LEVEL: u8>(block: &[u8], part: usize) -> [f32; PART] {
        // Halves of 128 values: 64 bytes of low nibbles, 32 bytes of two high bits for four parts.
        let (middle, quarter) = (part / 4, part % 4);
        let low = &block[middle * 64 + quarter % 2 * PART..][..PART];
        let high = &block[128 + middle * PART..][..PART];
        let scales = &block[192 + part * 2..][..2];
        let (low_shift, high_shift) = (quarter / 2 * 4, quarter * 2);
        let scale = half::<LEVEL>(block, 208);
        let mut out = [0.0; PART];
        for j in 0..PART {
            let level = low[j] >> low_shift & 15 | (high[j] >> high_shift & 3) << 4;
            out[j] = f32::from(level as i8 - 32);
        }
        for (values, small) in out.chunks_exact_mut(PART / 2).zip(scales) {
            let scale = scale * f32::from(*small as i8);
            values.iter_mut().for_each(|v| *v *= scale);
        }
        out
    }
}
