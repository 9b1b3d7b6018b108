//! Weight matrices that stay in the mapped file, multiplied without rounding the activations.
//!
//! Few vectors (decoding) are multiplied in place: weights are unpacked in registers. Many vectors
//! (a prompt) are multiplied by dequantising a tile and handing it to `matmul`, whose cost then
//! hides the conversion. Both give what f32 weights would give, up to the order of summation; there
//! is no int8 rounding of activations as in llama.cpp.
//!
//! Types without a format here are multiplied by candle (`Projection::Candle`).

mod format;
mod k_quants;
#[cfg(target_arch = "x86_64")]
mod lookup;
mod product;

use crate::error::Result;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::tensor_bytes::{Source, TensorBytes};
use candle_core::quantized::{GgmlDType, QMatMul};
use candle_core::{Device, Module, Tensor};
use format::{BF16, F16, F32, Format, PART, Q4_0, Q4_1, Q8_0};
use k_quants::{Q4K, Q5K, Q6K};
use product::{Dequantise, Multiply, dequantise, multiply_for};
use rayon::prelude::*;

/// Values of a dequantised tile: 4 MiB, which the second-level caches of two cores hold.
const TILE: usize = 1 << 20;
/// From this many vectors of a prompt on, dequantising pays.
const TILED_FROM: usize = 12;

/// How vectors are multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of a prompt: the fastest way for their number.
    Prompt,
    /// Of sequences that are decoded together: each gets the bits that it gets alone.
    Decode,
}

/// A weight matrix [rows, columns] in blocks.
pub struct QuantMatrix {
    rows: usize,
    columns: usize,
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

/// A weight matrix of any type.
pub enum Projection {
    Quantised(QuantMatrix),
    Candle { rows: usize, columns: usize, weight: QMatMul },
}

impl Projection {
    /// The tensor `name`, which must be [rows, columns].
    pub fn read(source: &dyn Source, name: &str, rows: usize, columns: usize) -> Result<Self> {
        let tensor = source.tensor(name)?;
        if tensor.dims != [rows, columns] {
            let found = &tensor.dims;
            let reason = format!("{name} has shape {found:?}, expected [{rows}, {columns}]");
            return Err(source.error(&reason));
        }
        Self::new(source, tensor)
    }

    /// A tensor of two dimensions.
    pub fn new(source: &dyn Source, tensor: TensorBytes) -> Result<Self> {
        let (rows, columns) = (tensor.dims[0], tensor.dims[1]);
        match QuantMatrix::new(tensor.clone()) {
            Some(matrix) => Ok(Self::Quantised(matrix)),
            None => Ok(Self::Candle {
                rows,
                columns,
                weight: tensor
                    .candle()
                    .and_then(QMatMul::from_qtensor)
                    .map_err(|e| source.error(&e))?,
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

/// Scratch that products share.
#[derive(Default)]
pub struct Tile {
    values: Vec<f32>,
    results: Vec<f32>,
}

/// Each output ← x·Wᵀ of its matrix, for matrices that share the input `x` [count, columns].
///
/// Work is split over `threads` threads of the current pool.
pub fn project(
    x: &[f32],
    outputs: &mut [(&Projection, &mut [f32])],
    kind: Kind,
    tile: &mut Tile,
    threads: usize,
) {
    let count = outputs.first().map_or(0, |(p, _)| x.len() / p.columns());
    let tiled = kind == Kind::Prompt && count >= TILED_FROM;
    let rows = outputs.iter().map(|(p, _)| p.rows()).sum::<usize>();
    let Tile { values, results } = tile;
    if !tiled {
        results.resize(results.len().max(rows * count), 0.0);
    }
    let mut rest = &mut results[..];
    let mut units = Vec::new();
    let mut turned = Vec::new();
    for (projection, out) in outputs {
        match projection {
            Projection::Candle { columns, weight, .. } => candle(x, *columns, weight, out),
            Projection::Quantised(matrix) if tiled => {
                matrix.multiply_tiled(x, out, values, threads);
            }
            Projection::Quantised(matrix) => {
                let part;
                (part, rest) = rest.split_at_mut(matrix.rows * count);
                let share = matrix.rows.div_ceil(threads);
                for (i, chunk) in part.chunks_mut(share * count).enumerate() {
                    units.push((matrix, i * share, chunk));
                }
                turned.push(&mut **out);
            }
        }
    }
    let run = |(matrix, first, out): (&QuantMatrix, usize, &mut [f32])| {
        let bytes = matrix.bytes(first, out.len() / count);
        (matrix.kernel.multiply)(bytes, x, matrix.columns, out);
    };
    if threads > 1 {
        units.into_par_iter().for_each(run);
    } else {
        units.into_iter().for_each(run);
    }
    let mut results = &results[..];
    for out in turned {
        let part;
        (part, results) = results.split_at(out.len());
        let rows = out.len() / count;
        for (v, out) in out.chunks_exact_mut(rows).enumerate() {
            for (row, value) in out.iter_mut().enumerate() {
                *value = part[row * count + v];
            }
        }
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
