//! The same products with AVX-512 or AVX2, chosen at run time; four rows share each load of x.
//!
//! Safety: every kernel reads `blocks` blocks per row and 32·`blocks` values of x. `product`
//! checks these lengths once, and a kernel is handed out only on a CPU that has its instructions.

use super::format::{self, BLOCK, Format, Multiply};
use std::arch::x86_64::*;

/// Rows multiplied together.
const ROWS: usize = 4;

type Rows = unsafe fn([*const u8; ROWS], &[f32], &[f32]) -> [f32; ROWS];

/// The best product of this CPU, or None below AVX2.
pub fn multiply_for<F: Format>() -> Option<Multiply> {
    if crate::cpu::avx512() {
        return Some(|blocks, x, sums, out| product::<F>(blocks, x, sums, out, rows_avx512::<F>));
    }
    let avx2 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    avx2.then_some(|blocks, x, sums, out| product::<F>(blocks, x, sums, out, rows_avx2::<F>))
}

fn product<F: Format>(blocks: &[u8], x: &[f32], sums: &[f32], out: &mut [f32], rows: Rows) {
    let row_bytes = sums.len() * F::BYTES;
    assert_eq!(x.len(), sums.len() * BLOCK);
    assert_eq!(blocks.len(), out.len() * row_bytes);
    let whole = out.len() / ROWS * ROWS;
    let (head, tail) = out.split_at_mut(whole);
    for (group, results) in blocks.chunks_exact(ROWS * row_bytes).zip(head.chunks_exact_mut(ROWS)) {
        let start = |i: usize| group[i * row_bytes..].as_ptr();
        // SAFETY: each row holds `sums.len()` blocks (checked above), and `rows` was chosen for
        // this CPU.
        let values = unsafe { rows([start(0), start(1), start(2), start(3)], x, sums) };
        results.copy_from_slice(&values);
    }
    format::multiply::<F>(&blocks[whole * row_bytes..], x, sums, tail);
}

/// Scale in lane 0 and offset in lane 1 (where the format has one).
#[inline]
#[target_feature(enable = "f16c")]
unsafe fn header(block: *const u8) -> __m128 {
    // SAFETY: a block of any format has at least four bytes.
    let bits = unsafe { block.cast::<i32>().read_unaligned() };
    _mm_cvtph_ps(_mm_cvtsi32_si128(bits))
}

/// Adds the offsets' share to the products of levels: Σ offset·(sum of x's block).
#[inline]
#[target_feature(enable = "fma")]
fn offsets<F: Format>(acc: __m128, header: __m128, sum: f32) -> __m128 {
    if F::NIBBLES { _mm_fmadd_ps(header, _mm_set1_ps(sum), acc) } else { acc }
}

/// What `offsets` gathered: Q4_1 has an offset of its own, Q4_0 one of −8 scales.
#[inline]
#[target_feature(enable = "sse3")]
fn offset_total<F: Format>(acc: __m128) -> f32 {
    if !F::NIBBLES {
        0.0
    } else if F::HEADER == 4 {
        _mm_cvtss_f32(_mm_movehdup_ps(acc))
    } else {
        -8.0 * _mm_cvtss_f32(acc)
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
unsafe fn rows_avx512<F: Format>(rows: [*const u8; ROWS], x: &[f32], sums: &[f32]) -> [f32; ROWS] {
    let mut acc = [_mm512_setzero_ps(); ROWS];
    let mut offset = [_mm_setzero_ps(); ROWS];
    let mask = _mm_set1_epi8(15);
    for (i, (x, sum)) in x.chunks_exact(BLOCK).zip(sums).enumerate() {
        // SAFETY: `x` is a chunk of 32 values.
        let (x0, x1) = unsafe { (_mm512_loadu_ps(x.as_ptr()), _mm512_loadu_ps(x[16..].as_ptr())) };
        for r in 0..ROWS {
            // SAFETY: block i < sums.len() of a row.
            let (head, l0, l1) = unsafe {
                let block = rows[r].add(i * F::BYTES);
                let levels = block.add(F::HEADER).cast::<__m128i>();
                let first = _mm_loadu_si128(levels);
                if F::NIBBLES {
                    let high = _mm_and_si128(_mm_srli_epi16(first, 4), mask);
                    let low = _mm_and_si128(first, mask);
                    (header(block), _mm512_cvtepu8_epi32(low), _mm512_cvtepu8_epi32(high))
                } else {
                    let second = _mm_loadu_si128(levels.add(1));
                    (header(block), _mm512_cvtepi8_epi32(first), _mm512_cvtepi8_epi32(second))
                }
            };
            let dot = _mm512_mul_ps(_mm512_cvtepi32_ps(l0), x0);
            let dot = _mm512_fmadd_ps(_mm512_cvtepi32_ps(l1), x1, dot);
            acc[r] = _mm512_fmadd_ps(_mm512_broadcastss_ps(head), dot, acc[r]);
            offset[r] = offsets::<F>(offset[r], head, *sum);
        }
    }
    std::array::from_fn(|r| _mm512_reduce_add_ps(acc[r]) + offset_total::<F>(offset[r]))
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn rows_avx2<F: Format>(rows: [*const u8; ROWS], x: &[f32], sums: &[f32]) -> [f32; ROWS] {
    let mut acc = [_mm256_setzero_ps(); ROWS];
    let mut offset = [_mm_setzero_ps(); ROWS];
    let mask = _mm_set1_epi8(15);
    for (i, (x, sum)) in x.chunks_exact(BLOCK).zip(sums).enumerate() {
        for r in 0..ROWS {
            // SAFETY: block i < sums.len() of a row.
            let (head, bytes) = unsafe {
                let block = rows[r].add(i * F::BYTES);
                let levels = block.add(F::HEADER).cast::<__m128i>();
                let first = _mm_loadu_si128(levels);
                let bytes = if F::NIBBLES {
                    let high = _mm_and_si128(_mm_srli_epi16(first, 4), mask);
                    [_mm_and_si128(first, mask), high]
                } else {
                    [first, _mm_loadu_si128(levels.add(1))]
                };
                (header(block), bytes)
            };
            let mut dot = _mm256_setzero_ps();
            for (half, bytes) in bytes.into_iter().enumerate() {
                for (quarter, bytes) in [bytes, _mm_srli_si128(bytes, 8)].into_iter().enumerate() {
                    let wide = _mm256_cvtepi8_epi32(bytes);
                    // SAFETY: `x` is a chunk of 32 values; quarters are 8 each.
                    let x = unsafe { _mm256_loadu_ps(x[half * 16 + quarter * 8..].as_ptr()) };
                    dot = _mm256_fmadd_ps(_mm256_cvtepi32_ps(wide), x, dot);
                }
            }
            acc[r] = _mm256_fmadd_ps(_mm256_broadcastss_ps(head), dot, acc[r]);
            offset[r] = offsets::<F>(offset[r], head, *sum);
        }
    }
    std::array::from_fn(|r| {
        let low = _mm256_castps256_ps128(acc[r]);
        let four = _mm_add_ps(low, _mm256_extractf128_ps(acc[r], 1));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two))) + offset_total::<F>(offset[r])
    })
}

#[cfg(test)]
pub mod kernels {
    //! Every kernel this CPU can run, by name.
    use super::*;

    pub fn all<F: Format>() -> Vec<(&'static str, Multiply)> {
        let mut kernels: Vec<(&'static str, Multiply)> = vec![("portable", format::multiply::<F>)];
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            kernels.push(("avx2", |b, x, s, o| product::<F>(b, x, s, o, rows_avx2::<F>)));
        }
        if crate::cpu::avx512() {
            kernels.push(("avx512", |b, x, s, o| product::<F>(b, x, s, o, rows_avx512::<F>)));
        }
        kernels
    }
}
