//! Weight matrices that stay in the mapped file, multiplied without rounding the vectors.
//!
//! Few vectors (decoding) are multiplied in place: weights are unpacked in registers. Many vectors
//! (a prompt) are multiplied by dequantising a tile and handing it to `matmul`, whose cost then
//! hides the conversion. Both give what f32 weights would give, up to the order of summation.

use super::format::{BF16, F16, F32, Format, PART, Q4_0, Q4_1, Q8_0};
use super::k_quants::{Q4K, Q5K, Q6K};
use super::product::{Dequantise, Multiply, dequantise, multiply_for};
use super::shares::shared;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::tensor_bytes::TensorBytes;
use candle_core::quantized::GgmlDType;
use rayon::prelude::*;

/// Values of a dequantised tile: 4 MiB, which the second-level caches of two cores hold.
const TILE: usize = 1 << 20;

/// A weight matrix [rows, columns] in blocks.
pub struct QuantMatrix {
    pub rows: usize,
    pub columns: usize,
    tensor: TensorBytes,
    kernel: Kernel,
}

/// The two operations of a format, chosen once at load.
#[derive(Clone, Copy)]
struct Kernel {
    block: usize,
    block_bytes: usize,
    dequantise: Dequantise,
    multiply: Multiply,
}

impl Kernel {
    fn of<F: Format>() -> Self {
        Self {
            block: F::PARTS * PART,
            block_bytes: F::BYTES,
            dequantise: dequantise::<F>,
            multiply: multiply_for::<F>(),
        }
    }

    fn for_type(dtype: GgmlDType) -> Option<Self> {
        Some(match dtype {
            GgmlDType::F32 => Self::of::<F32>(),
            GgmlDType::F16 => Self::of::<F16>(),
            GgmlDType::BF16 => Self::of::<BF16>(),
            GgmlDType::Q4_0 => Self::of::<Q4_0>(),
            GgmlDType::Q4_1 => Self::of::<Q4_1>(),
            GgmlDType::Q8_0 => Self::of::<Q8_0>(),
            GgmlDType::Q4K => Self::of::<Q4K>(),
            GgmlDType::Q5K => Self::of::<Q5K>(),
            GgmlDType::Q6K => Self::of::<Q6K>(),
            _ => return None,
        })
    }
}

impl QuantMatrix {
    /// None where the type has no format here, or rows are no whole number of blocks.
    pub fn new(tensor: TensorBytes) -> Option<Self> {
        let kernel = Kernel::for_type(tensor.dtype)?;
        let &[rows, columns] = tensor.dims.as_slice() else {
            return None;
        };
        let whole = columns > 0 && columns.is_multiple_of(kernel.block);
        whole.then_some(Self { rows, columns, tensor, kernel })
    }

    fn row_bytes(&self) -> usize {
        self.columns / self.kernel.block * self.kernel.block_bytes
    }

    fn bytes(&self, first: usize, rows: usize) -> &[u8] {
        let size = self.row_bytes();
        &self.tensor.bytes()[first * size..(first + rows) * size]
    }

    /// Row `row` in f32.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        (self.kernel.dequantise)(self.bytes(row, 1), out);
    }

    /// Many vectors.
    pub fn multiply_tiled(&self, x: &[f32], out: &mut [f32], tile: &mut Vec<f32>, threads: usize) {
        let count = x.len() / self.columns;
        let height = (TILE / self.columns).clamp(1, self.rows);
        tile.resize(height * self.columns, 0.0);
        for first in (0..self.rows).step_by(height) {
            let rows = height.min(self.rows - first);
            let part = &mut tile[..rows * self.columns];
            let bytes = self.bytes(first, rows);
            let share = rows.div_ceil(threads);
            if threads > 1 {
                part.par_chunks_mut(share * self.columns)
                    .zip(bytes.par_chunks(share * self.row_bytes()))
                    .for_each(|(values, blocks)| (self.kernel.dequantise)(blocks, values));
            } else {
                (self.kernel.dequantise)(bytes, part);
            }
            matmul(
                MatrixMut::new(&mut out[first..], count, rows, self.rows),
                Matrix::new(x, count, self.columns, self.columns),
                Matrix::new(part, rows, self.columns, self.columns).transposed(),
                1.0,
                threads,
            );
        }
    }
}

/// Few vectors, with weights as they lie in the file.
pub fn multiply_in_place(
    x: &[f32],
    outputs: &mut [(&QuantMatrix, &mut [f32])],
    results: &mut Vec<f32>,
    threads: usize,
) {
    let count = x.len() / outputs[0].0.columns;
    let rows = outputs.iter().map(|(matrix, _)| matrix.rows).sum::<usize>();
    results.resize(results.len().max(rows * count), 0.0);
    let matrices = outputs.iter().map(|(matrix, _)| (*matrix, matrix.rows));
    shared(matrices, count, results, threads, |matrix, first, out| {
        let bytes = matrix.bytes(first, out.len() / count);
        (matrix.kernel.multiply)(bytes, x, matrix.columns, out);
    });
    let mut results = &results[..];
    for (matrix, out) in outputs {
        let part;
        (part, results) = results.split_at(out.len());
        for (v, out) in out.chunks_exact_mut(matrix.rows).enumerate() {
            for (row, value) in out.iter_mut().enumerate() {
                *value = part[row * count + v];
            }
        }
    }
}
