//! Weight matrices as files have them, multiplied with vectors.
//!
//! | module | noun |
//! | --- | --- |
//! | `packed` | matrices of Q8_0 and the K types, in a layout of our own |
//! | `packing`, `packing_k` | how their types are packed and multiplied |
//! | `rounded` | vectors in eight bits, for them |
//! | `machine` | what that needs of a processor |
//! | `matrix` | matrices as they lie in a file, with vectors in f32 |
//! | `format`, `k_quants`, `product` | how types lie in a file, and products with them |
//!
//! Types without a format here are multiplied by candle (`Projection::Candle`).

mod format;
mod k_quants;
#[cfg(target_arch = "x86_64")]
mod lookup;
mod machine;
mod matrix;
mod packed;
mod packing;
mod packing_k;
mod product;
mod rounded;
mod shares;

pub use matrix::QuantMatrix;

use crate::error::Result;
use crate::tensor_bytes::{Source, TensorBytes};
use candle_core::quantized::QMatMul;
use candle_core::{Device, Module, Tensor};
use machine::ROWS;
use matrix::multiply_in_place;
use packed::{PackedMatrix, multiply_packed};
use rounded::Rounded;

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

/// A weight matrix of any type.
pub enum Projection {
    Packed(PackedMatrix),
    Quantised(QuantMatrix),
    Candle { columns: usize, weight: QMatMul },
}

impl Projection {
    /// The tensor `name`, which must be [rows, columns].
    pub fn read(source: &dyn Source, name: &str, rows: usize, columns: usize) -> Result<Self> {
        Self::new(source, checked(source, name, rows, columns)?)
    }

    /// The same, for products whose vectors are not rounded: the table of words tells likelihoods,
    /// and one that is nearly another's is told apart from it.
    pub fn exact(source: &dyn Source, name: &str, rows: usize, columns: usize) -> Result<Self> {
        Self::unrounded(source, checked(source, name, rows, columns)?)
    }

    /// A tensor of two dimensions.
    pub fn new(source: &dyn Source, tensor: TensorBytes) -> Result<Self> {
        if let Some(matrix) = PackedMatrix::new(&tensor).map_err(|e| source.error(&e))? {
            return Ok(Self::Packed(matrix));
        }
        Self::unrounded(source, tensor)
    }

    fn unrounded(source: &dyn Source, tensor: TensorBytes) -> Result<Self> {
        match QuantMatrix::new(tensor.clone()) {
            Some(matrix) => Ok(Self::Quantised(matrix)),
            None => Ok(Self::Candle {
                columns: tensor.dims[1],
                weight: tensor
                    .candle()
                    .and_then(QMatMul::from_qtensor)
                    .map_err(|e| source.error(&e))?,
            }),
        }
    }
}

/// The tensor `name`, which must be [rows, columns].
fn checked(source: &dyn Source, name: &str, rows: usize, columns: usize) -> Result<TensorBytes> {
    let tensor = source.tensor(name)?;
    if tensor.dims != [rows, columns] {
        let found = &tensor.dims;
        let reason = format!("{name} has shape {found:?}, expected [{rows}, {columns}]");
        return Err(source.error(&reason));
    }
    Ok(tensor)
}

/// Scratch that products share.
#[derive(Default)]
pub struct Tile {
    values: Vec<f32>,
    results: Vec<f32>,
    rounded: Rounded,
    lanes: Vec<[f32; ROWS]>,
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
    let Tile { values, results, rounded, lanes } = tile;
    let mut packed = Vec::new();
    let mut quantised = Vec::new();
    for (projection, out) in outputs {
        match projection {
            Projection::Packed(matrix) => packed.push((matrix, &mut **out)),
            Projection::Quantised(matrix) => quantised.push((matrix, &mut **out)),
            Projection::Candle { columns, weight } => candle(x, *columns, weight, out),
        }
    }
    if !packed.is_empty() {
        multiply_packed(x, &mut packed, rounded, lanes, threads);
    }
    let count = quantised.first().map_or(0, |(matrix, _)| x.len() / matrix.columns);
    if kind == Kind::Prompt && count >= TILED_FROM {
        for (matrix, out) in quantised {
            matrix.multiply_tiled(x, out, values, threads);
        }
    } else if count > 0 {
        multiply_in_place(x, &mut quantised, results, threads);
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
