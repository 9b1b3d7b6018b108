//! Quantised matrices that stay in the mapped file, multiplied without rounding the activations.
//!
//! One vector (decoding) is multiplied in place: levels are widened to f32 in registers, four
//! rows at a time. Many vectors (a prompt) are multiplied by dequantising a tile and handing it to
//! `matmul`, whose cost then hides the conversion. Both give what f32 weights would give, up to
//! the order of summation; there is no int8 rounding of activations as in llama.cpp.
//!
//! Types without a kernel here are multiplied by candle (`Projection::Candle`).

mod format;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::error::Result;
use crate::gguf::{Gguf, TensorBytes};
use crate::matmul::{Matrix, MatrixMut, matmul};
use candle_core::quantized::{GgmlDType, QMatMul};
use candle_core::{Device, Module, Tensor};
use format::{BLOCK, Format, Multiply, Q4_0, Q4_1, Q8_0};
use rayon::prelude::*;

/// Values of a dequantised tile: 4 MiB, which the second-level caches of two cores hold.
const TILE: usize = 1 << 20;
/// From this many vectors on, dequantising pays.
const TILED_FROM: usize = 3;

/// A weight matrix [rows, columns] in blocks of 32 values.
pub struct QuantMatrix {
    rows: usize,
    columns: usize,
    tensor: TensorBytes,
    kernel: Kernel,
}

/// The two operations of a format, chosen once at load.
#[derive(Clone, Copy)]
struct Kernel {
    block_bytes: usize,
    dequantise: fn(&[u8], &mut [f32]),
    multiply: Multiply,
}

impl Kernel {
    fn of<F: Format>() -> Self {
        Self {
            block_bytes: F::BYTES,
            dequantise: format::dequantise::<F>,
            multiply: multiply_for::<F>(),
        }
    }
}

fn multiply_for<F: Format>() -> Multiply {
    #[cfg(target_arch = "x86_64")]
    if let Some(multiply) = x86::multiply_for::<F>() {
        return multiply;
    }
    format::multiply::<F>
}

impl QuantMatrix {
    /// None where the type has no kernel, or rows are no whole number of blocks.
    pub fn new(tensor: TensorBytes) -> Option<Self> {
        let kernel = match tensor.dtype {
            GgmlDType::Q4_0 => Kernel::of::<Q4_0>(),
            GgmlDType::Q4_1 => Kernel::of::<Q4_1>(),
            GgmlDType::Q8_0 => Kernel::of::<Q8_0>(),
            _ => return None,
        };
        let &[rows, columns] = tensor.dims.as_slice() else {
            return None;
        };
        columns.is_multiple_of(BLOCK).then_some(Self { rows, columns, tensor, kernel })
    }

    fn row_bytes(&self) -> usize {
        self.columns / BLOCK * self.kernel.block_bytes
    }

    fn bytes(&self, first: usize, rows: usize) -> &[u8] {
        let size = self.row_bytes();
        &self.tensor.bytes()[first * size..(first + rows) * size]
    }

    /// Row `row` in f32.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        (self.kernel.dequantise)(self.bytes(row, 1), out);
    }

    fn multiply_tiled(&self, x: &[f32], out: &mut [f32], tile: &mut Vec<f32>, threads: usize) {
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

/// A weight matrix of any type that GGUF files hold.
pub enum Projection {
    Quantised(QuantMatrix),
    Candle { rows: usize, columns: usize, weight: QMatMul },
}

impl Projection {
    /// The tensor `name`, which must be [rows, columns].
    pub fn read(gguf: &Gguf, name: &str, rows: usize, columns: usize) -> Result<Self> {
        let tensor = gguf.tensor(name)?;
        if tensor.dims != [rows, columns] {
            let found = &tensor.dims;
            let reason = format!("{name} has shape {found:?}, expected [{rows}, {columns}]");
            return Err(gguf.error(reason));
        }
        match QuantMatrix::new(tensor.clone()) {
            Some(matrix) => Ok(Self::Quantised(matrix)),
            None => Ok(Self::Candle {
                rows,
                columns,
                weight: QMatMul::from_qtensor(gguf.candle(&tensor)?).map_err(|e| gguf.error(e))?,
            }),
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Quantised(matrix) => matrix.rows,
            Self::Candle { rows, .. } => *rows,
        }
    }

    fn columns(&self) -> usize {
        match self {
            Self::Quantised(matrix) => matrix.columns,
            Self::Candle { columns, .. } => *columns,
        }
    }
}

/// Each output ← x·Wᵀ of its matrix, for matrices that share the input `x` [count, columns].
///
/// Work is split over `threads` threads of the current pool; `tile` is scratch.
pub fn project(
    x: &[f32],
    outputs: &mut [(&Projection, &mut [f32])],
    tile: &mut Vec<f32>,
    threads: usize,
) {
    let count = outputs.first().map_or(0, |(p, _)| x.len() / p.columns());
    let mut units = Vec::new();
    let sums: Vec<f32> = match count {
        1..TILED_FROM => x.chunks_exact(BLOCK).map(|b| b.iter().sum()).collect(),
        _ => Vec::new(),
    };
    for (projection, out) in outputs {
        match projection {
            Projection::Candle { columns, weight, .. } => candle(x, *columns, weight, out),
            Projection::Quantised(matrix) if count >= TILED_FROM => {
                matrix.multiply_tiled(x, out, tile, threads);
            }
            Projection::Quantised(matrix) => {
                let share = projection.rows().div_ceil(threads);
                for (vector, row) in out.chunks_exact_mut(matrix.rows).enumerate() {
                    for (part, chunk) in row.chunks_mut(share).enumerate() {
                        units.push((matrix, vector, part * share, chunk));
                    }
                }
            }
        }
    }
    let run = |(matrix, vector, first, out): (&QuantMatrix, usize, usize, &mut [f32])| {
        let x = &x[vector * matrix.columns..][..matrix.columns];
        let blocks = matrix.columns / BLOCK;
        let sums = &sums[vector * blocks..][..blocks];
        (matrix.kernel.multiply)(matrix.bytes(first, out.len()), x, sums, out);
    };
    if threads > 1 {
        units.into_par_iter().for_each(run);
    } else {
        units.into_iter().for_each(run);
    }
}

/// candle's own product. Shapes were checked at load, so that it can fail only on allocation.
fn candle(x: &[f32], columns: usize, weight: &QMatMul, out: &mut [f32]) {
    let product = Tensor::from_slice(x, (x.len() / columns, columns), &Device::Cpu)
        .and_then(|x| weight.forward(&x))
        .and_then(|y| y.flatten_all())
        .and_then(|y| y.to_vec1::<f32>())
        .expect("shapes checked at load");
    out.copy_from_slice(&product);
}

#[cfg(test)]
mod tests;
