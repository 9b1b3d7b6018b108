//! Products of weights as they lie in a file with vectors of f32, on one thread.
//!
//! Every result is summed in one order, whatever vectors are multiplied beside it, whatever rows
//! beside its row, and on every level of instructions: sixteen lanes, then pairs of lanes. So a
//! sequence that is decoded among others gets the very bits that it gets alone.
//!
//! One text, compiled for each level; the registers that a level has decide how many rows and
//! vectors share what was loaded and unpacked.

use super::format::{AVX2, AVX512, Format, PART, PORTABLE};
use crate::numeric::fma;

const LANES: usize = 16;

/// (rows' blocks, x [count, columns], columns, out [rows, count])
pub type Multiply = fn(&[u8], &[f32], usize, &mut [f32]);
/// (blocks, out)
pub type Dequantise = fn(&[u8], &mut [f32]);

/// The best of this CPU.
pub fn multiply_for<F: Format>() -> Multiply {
    levels::multiply::<F>().last().map_or(portable::<F>, |(_, multiply)| *multiply)
}

pub fn dequantise<F: Format>(blocks: &[u8], out: &mut [f32]) {
    for (block, values) in blocks.chunks_exact(F::BYTES).zip(out.chunks_exact_mut(F::PARTS * PART))
    {
        for (part, values) in values.chunks_exact_mut(PART).enumerate() {
            values.copy_from_slice(&F::unpack::<PORTABLE>(block, part));
        }
    }
}

fn portable<F: Format>(blocks: &[u8], x: &[f32], columns: usize, out: &mut [f32]) {
    product::<F, PORTABLE>(blocks, x, columns, out);
}

#[cfg(target_arch = "x86_64")]
pub mod levels {
    use super::{AVX2, AVX512, Format, Multiply, product};

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    fn avx512<F: Format>(blocks: &[u8], x: &[f32], columns: usize, out: &mut [f32]) {
        product::<F, AVX512>(blocks, x, columns, out);
    }

    #[target_feature(enable = "avx2,fma,f16c")]
    fn avx2<F: Format>(blocks: &[u8], x: &[f32], columns: usize, out: &mut [f32]) {
        product::<F, AVX2>(blocks, x, columns, out);
    }

    /// All that run on this CPU, the best last.
    pub fn multiply<F: Format>() -> Vec<(&'static str, Multiply)> {
        let mut levels: Vec<(&'static str, Multiply)> = vec![("portable", super::portable::<F>)];
        if crate::cpu::avx2() {
            // SAFETY: the CPU has what the function is compiled for.
            levels.push(("avx2", |b, x, c, o| unsafe { avx2::<F>(b, x, c, o) }));
        }
        if crate::cpu::avx512() {
            // SAFETY: the CPU has what the function is compiled for.
            levels.push(("avx512", |b, x, c, o| unsafe { avx512::<F>(b, x, c, o) }));
        }
        levels
    }
}

#[cfg(not(target_arch = "x86_64"))]
pub mod levels {
    use super::{Format, Multiply};

    pub fn multiply<F: Format>() -> Vec<(&'static str, Multiply)> {
        vec![("portable", super::portable::<F>)]
    }
}

#[inline(always)]
fn product<F: Format, const LEVEL: u8>(blocks: &[u8], x: &[f32], columns: usize, out: &mut [f32]) {
    let count = x.len() / columns;
    let row_bytes = columns / (F::PARTS * PART) * F::BYTES;
    assert_eq!(blocks.len() / row_bytes * count, out.len());
    // Few vectors at a time stay in the first-level cache while all rows pass by.
    let wide = LEVEL >= AVX512; // 32 registers of 16 lanes, not 16 of 8
    let step = if wide { 8 } else { 4 };
    for first in (0..count).step_by(step) {
        let mut at = first;
        while at < count.min(first + step) {
            let vectors = &x[at * columns..];
            let results = (&mut *out, count, at);
            at += match count.min(first + step) - at {
                8 => group::<F, 2, 8, LEVEL>(blocks, row_bytes, vectors, columns, results),
                4.. if wide => {
                    group::<F, 4, 4, LEVEL>(blocks, row_bytes, vectors, columns, results)
                }
                4 => group::<F, 1, 4, LEVEL>(blocks, row_bytes, vectors, columns, results),
                2.. => group::<F, 2, 2, LEVEL>(blocks, row_bytes, vectors, columns, results),
                _ => group::<F, 4, 1, LEVEL>(blocks, row_bytes, vectors, columns, results),
            };
        }
    }
}

/// All rows, `R` at a time, with the first `V` of `x`; results go to column `at` and those behind
/// it of `out` [rows, count]. Returns `V`.
#[inline(always)]
fn group<F: Format, const R: usize, const V: usize, const LEVEL: u8>(
    blocks: &[u8],
    row_bytes: usize,
    x: &[f32],
    columns: usize,
    (out, count, at): (&mut [f32], usize, usize),
) -> usize {
    let vectors: [&[f32]; V] = std::array::from_fn(|v| &x[v * columns..(v + 1) * columns]);
    let mut row = 0;
    let mut groups = blocks.chunks_exact(row_bytes * R);
    let mut keep = |dots: &[[f32; V]]| {
        for dots in dots {
            out[row * count + at..][..V].copy_from_slice(dots);
            row += 1;
        }
    };
    for group in &mut groups {
        let rows = std::array::from_fn(|r| &group[r * row_bytes..(r + 1) * row_bytes]);
        keep(&tile::<F, R, V, LEVEL>(rows, vectors));
    }
    for row in groups.remainder().chunks_exact(row_bytes) {
        keep(&tile::<F, 1, V, LEVEL>([row], vectors));
    }
    V
}

/// The dot products of `R` rows with `V` vectors.
#[inline(always)]
fn tile<F: Format, const R: usize, const V: usize, const LEVEL: u8>(
    rows: [&[u8]; R],
    vectors: [&[f32]; V],
) -> [[f32; V]; R] {
    let mut sums = [[[0f32; LANES]; V]; R];
    let blocks = rows[0].len() / F::BYTES;
    for block in 0..blocks {
        for part in 0..F::PARTS {
            let at = (block * F::PARTS + part) * PART;
            for r in 0..R {
                let weights = F::unpack::<LEVEL>(&rows[r][block * F::BYTES..][..F::BYTES], part);
                for v in 0..V {
                    let x = &vectors[v][at..at + PART];
                    for j in 0..LANES {
                        sums[r][v][j] = fma(weights[j], x[j], sums[r][v][j]);
                    }
                    for j in 0..LANES {
                        sums[r][v][j] = fma(weights[LANES + j], x[LANES + j], sums[r][v][j]);
                    }
                }
            }
        }
    }
    sums.map(|row| row.map(total))
}

/// The sum of the lanes, in pairs.
#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
    let mut eight = [0.0; 8];
    for j in 0..8 {
        eight[j] = lanes[j] + lanes[j + 8];
    }
    let mut four = [0.0; 4];
    for j in 0..4 {
        four[j] = eight[j] + eight[j + 4];
    }
    (four[0] + four[2]) + (four[1] + four[3])
}
