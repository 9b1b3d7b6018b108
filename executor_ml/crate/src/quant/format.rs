//! Block formats of GGUF: 32 values as small levels, value = scale·level + offset.
//!
//! Layouts are ggml's (`block_q4_0`, `block_q4_1`, `block_q8_0`): f16 scale, in Q4_1 an f16
//! offset, then the levels; of 4-bit levels the low nibbles hold values 0–15, the high 16–31.

use crate::numeric::fma;
use half::f16;

/// Values in a block.
pub const BLOCK: usize = 32;

/// (row blocks, x, sums of x's blocks, out): out[i] = row i · x.
pub type Multiply = fn(&[u8], &[f32], &[f32], &mut [f32]);

pub trait Format: 'static {
    /// Bytes of a block.
    const BYTES: usize;
    /// Bytes before the levels.
    const HEADER: usize;
    /// Whether levels are nibbles; otherwise signed bytes.
    const NIBBLES: bool;

    /// (scale, offset) of a block.
    fn scales(block: &[u8]) -> (f32, f32);
}

fn half(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

pub struct Q4_0;
pub struct Q4_1;
pub struct Q8_0;

impl Format for Q4_0 {
    const BYTES: usize = 18;
    const HEADER: usize = 2;
    const NIBBLES: bool = true;

    fn scales(block: &[u8]) -> (f32, f32) {
        let scale = half(block);
        (scale, -8.0 * scale)
    }
}

impl Format for Q4_1 {
    const BYTES: usize = 20;
    const HEADER: usize = 4;
    const NIBBLES: bool = true;

    fn scales(block: &[u8]) -> (f32, f32) {
        (half(block), half(&block[2..]))
    }
}

impl Format for Q8_0 {
    const BYTES: usize = 34;
    const HEADER: usize = 2;
    const NIBBLES: bool = false;

    fn scales(block: &[u8]) -> (f32, f32) {
        (half(block), 0.0)
    }
}

#[inline(always)]
fn levels<F: Format>(block: &[u8]) -> [f32; BLOCK] {
    let bytes = &block[F::HEADER..F::BYTES];
    let mut out = [0.0; BLOCK];
    if F::NIBBLES {
        for j in 0..BLOCK / 2 {
            out[j] = f32::from(bytes[j] & 15);
            out[j + BLOCK / 2] = f32::from(bytes[j] >> 4);
        }
    } else {
        for j in 0..BLOCK {
            out[j] = f32::from(bytes[j] as i8);
        }
    }
    out
}

/// Blocks to f32.
pub fn dequantise<F: Format>(blocks: &[u8], out: &mut [f32]) {
    for (block, values) in blocks.chunks_exact(F::BYTES).zip(out.chunks_exact_mut(BLOCK)) {
        let (scale, offset) = F::scales(block);
        for (value, level) in values.iter_mut().zip(levels::<F>(block)) {
            *value = fma(scale, level, offset);
        }
    }
}

/// out[i] = row i · x, without vector instructions of our own.
pub fn multiply<F: Format>(blocks: &[u8], x: &[f32], sums: &[f32], out: &mut [f32]) {
    let row_bytes = x.len() / BLOCK * F::BYTES;
    for (row, result) in blocks.chunks_exact(row_bytes).zip(out) {
        let mut total = 0.0;
        for ((block, x), sum) in row.chunks_exact(F::BYTES).zip(x.chunks_exact(BLOCK)).zip(sums) {
            let (scale, offset) = F::scales(block);
            let mut lanes = [0f32; 16];
            let levels = levels::<F>(block);
            for j in 0..16 {
                lanes[j] = levels[j] * x[j] + levels[j + 16] * x[j + 16];
            }
            total += scale * lanes.iter().sum::<f32>() + offset * sum;
        }
        *result = total;
    }
}
