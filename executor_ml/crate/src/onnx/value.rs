//! A value in a graph: a tensor as it is held, and the type of its elements.

use super::element::Element;
use super::error::{Fault, OnnxError};
use candle_core::{DType, Device, Tensor};

/// The most elements of one value: what a hostile file may make a node allocate.
pub const MOST_ELEMENTS: usize = 1 << 29;

#[derive(Debug, Clone)]
pub struct Value {
    pub element: Element,
    pub tensor: Tensor,
}

impl Value {
    /// A value of a tensor that is held as the type is; wrapped, or rounded, to it.
    pub fn new(element: Element, tensor: Tensor) -> Result<Self, Fault> {
        let tensor = match element {
            Element::Float16 => tensor.to_dtype(DType::F16)?.to_dtype(DType::F32)?,
            Element::Bfloat16 => tensor.to_dtype(DType::BF16)?.to_dtype(DType::F32)?,
            Element::Int64 | Element::Bool | Element::Float | Element::Double => tensor,
            _ => {
                let shape = tensor.dims().to_vec();
                let mut values = tensor.flatten_all()?.to_vec1::<i64>()?;
                values.iter_mut().for_each(|value| *value = element.wrap(*value));
                Tensor::from_vec(values, shape, &Device::Cpu)?
            }
        };
        Ok(Self { element, tensor })
    }

    /// Of the same type, its elements moved and not changed.
    pub fn moved(&self, tensor: Tensor) -> Self {
        Self { element: self.element, tensor }
    }

    pub fn ints(values: Vec<i64>, shape: &[usize]) -> Result<Self, Fault> {
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        Ok(Self { element: Element::Int64, tensor })
    }

    pub fn truths(tensor: Tensor) -> Self {
        Self { element: Element::Bool, tensor }
    }

    pub fn dims(&self) -> &[usize] {
        self.tensor.dims()
    }

    /// Its elements as integers.
    pub fn integers(&self) -> Result<Vec<i64>, Fault> {
        if self.element.is_float() {
            return Fault::expected(format!("integers, not {}", self.element.name()));
        }
        Ok(self.tensor.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?)
    }

    /// Its one element as an integer.
    pub fn integer(&self) -> Result<i64, Fault> {
        match self.integers()?[..] {
            [one] => Ok(one),
            _ => Fault::expected(format!("one element, not {:?}", self.dims())),
        }
    }

    /// Its elements as little-endian bytes in C order.
    pub fn bytes(&self) -> Result<Vec<u8>, OnnxError> {
        self.element.write(&self.tensor).map_err(|fault| OnnxError::Node {
            node: "of outputs".to_owned(),
            reason: fault.to_string(),
        })
    }

    /// Its elements as float64.
    pub fn doubles(&self) -> Result<Vec<f64>, Fault> {
        Ok(self.tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?)
    }

    /// Of float64s, as this one is held and typed.
    pub fn like(&self, values: Vec<f64>, shape: &[usize]) -> Result<Self, Fault> {
        let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
        Self::new(self.element, tensor.to_dtype(self.element.held())?)
    }
}

/// That a value of this shape may be made.
pub fn room(shape: &[usize]) -> Result<usize, Fault> {
    let count = shape.iter().try_fold(1usize, |all, n| all.checked_mul(*n));
    match count {
        Some(count) if count <= MOST_ELEMENTS => Ok(count),
        _ => Fault::expected(format!("a value of at most {MOST_ELEMENTS} elements, not {shape:?}")),
    }
}

/// An axis counted from the front.
pub fn axis_of(axis: i64, rank: usize) -> Result<usize, Fault> {
    let from_front = if axis < 0 { axis.saturating_add(rank as i64) } else { axis };
    match usize::try_from(from_front) {
        Ok(found) if found < rank => Ok(found),
        _ => Fault::expected(format!("an axis below {rank}, not {axis}")),
    }
}

/// Dimensions that are none below zero.
pub fn shape_of(dims: &[i64]) -> Result<Vec<usize>, Fault> {
    dims.iter()
        .map(|n| usize::try_from(*n).or_else(|_| Fault::expected(format!("a shape, not {dims:?}"))))
        .collect()
}
