//! A tensor as bytes of a mapped file, and what such files have in common.

use crate::error::{Error, Result};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Shape};
use half::{bf16, f16};
use memmap2::Mmap;
use std::sync::Arc;

/// A tensor's blocks in the map, with their type and its dimensions (rows first).
#[derive(Clone)]
pub struct TensorBytes {
    map: Arc<Mmap>,
    start: usize,
    end: usize,
    pub dtype: GgmlDType,
    pub dims: Vec<usize>,
}

impl TensorBytes {
    /// None where `dims` blocks from `start` on do not lie in the map.
    pub fn new(
        map: &Arc<Mmap>,
        start: Option<usize>,
        dtype: GgmlDType,
        dims: Vec<usize>,
    ) -> Option<Self> {
        let values = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d))?;
        let blocks = values.is_multiple_of(dtype.block_size()).then_some(values)?;
        let size = (blocks / dtype.block_size()).checked_mul(dtype.type_size())?;
        let start = start?;
        let end = start.checked_add(size).filter(|end| *end <= map.len())?;
        Some(Self { map: Arc::clone(map), start, end, dtype, dims })
    }

    pub fn bytes(&self) -> &[u8] {
        &self.map[self.start..self.end]
    }

    /// Lets go of the memory that the bytes take; whoever reads them again reads the file again.
    pub fn let_go(&self) {
        #[cfg(unix)]
        {
            use memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the map is of a file and read-only: nothing but what the file has is lost.
            let _ = unsafe {
                self.map.unchecked_advise_range(DontNeed, self.start, self.end - self.start)
            };
        }
    }

    /// `count` rows from `first` on of a tensor of two dimensions. None where there are fewer.
    pub fn rows(&self, first: usize, count: usize) -> Option<Self> {
        let &[rows, columns] = self.dims.as_slice() else { return None };
        if first + count > rows || !columns.is_multiple_of(self.dtype.block_size()) {
            return None;
        }
        let size = (self.end - self.start) / rows;
        let start = self.start + first * size;
        let (end, dims) = (start + count * size, vec![count, columns]);
        Some(Self { start, end, dims, ..self.clone() })
    }

    /// As candle's own type (a copy).
    pub fn candle(&self) -> candle_core::Result<QTensor> {
        candle_core::quantized::ggml_file::qtensor_from_ggml(
            self.dtype,
            self.bytes(),
            Shape::from(self.dims.clone()).into_dims(),
            &Device::Cpu,
        )
    }

    /// All values in f32.
    pub fn values(&self) -> candle_core::Result<Vec<f32>> {
        // Plain values may lie at any byte, which candle's casts do not allow.
        let plain = |size: usize, f: fn(&[u8]) -> f32| {
            Ok(self.bytes().chunks_exact(size).map(f).collect::<Vec<f32>>())
        };
        match self.dtype {
            GgmlDType::F32 => plain(4, |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
            GgmlDType::F16 => plain(2, |b| f16::from_le_bytes([b[0], b[1]]).to_f32()),
            GgmlDType::BF16 => plain(2, |b| bf16::from_le_bytes([b[0], b[1]]).to_f32()),
            _ => self.candle()?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1(),
        }
    }
}

/// A file of weights, or several.
pub trait Source {
    /// The tensor of that name; its bytes are proven to lie in the file.
    fn tensor(&self, name: &str) -> Result<TensorBytes>;

    fn has(&self, name: &str) -> bool;

    /// A `Model` error about this file.
    fn error(&self, reason: &dyn std::fmt::Display) -> Error;
}

impl dyn Source + '_ {
    /// A small tensor of exactly `length` values, in f32.
    pub fn vector(&self, name: &str, length: usize) -> Result<Vec<f32>> {
        let tensor = self.tensor(name)?;
        if tensor.dims != [length] {
            let found = &tensor.dims;
            let reason = format!("{name} has shape {found:?}, expected [{length}]");
            return Err(self.error(&reason));
        }
        tensor.values().map_err(|e| self.error(&e))
    }
}
