//! Types of elements: their codes in files, their names in requests, and how they are held.
//!
//! Rules: integers are held as 64 bits and wrapped to their width after arithmetic; float16 and
//! bfloat16 are held as float32 and rounded after each node, as onnxruntime's CPU does; bool is a
//! byte. Strings, complex numbers, uint64 and the types of 4 and 8 bits of float are not computed
//! with.

use super::error::Fault;
use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    Bool,
    Uint8,
    Uint16,
    Uint32,
    Int8,
    Int16,
    Int32,
    Int64,
    Float16,
    Bfloat16,
    Float,
    Double,
}

use Element::{
    Bfloat16, Bool, Double, Float, Float16, Int8, Int16, Int32, Int64, Uint8, Uint16, Uint32,
};

/// Code in a file, type, name, bytes.
const TABLE: [(i32, Element, &str, usize); 12] = [
    (1, Float, "float32", 4),
    (2, Uint8, "uint8", 1),
    (3, Int8, "int8", 1),
    (4, Uint16, "uint16", 2),
    (5, Int16, "int16", 2),
    (6, Int32, "int32", 4),
    (7, Int64, "int64", 8),
    (9, Bool, "bool", 1),
    (10, Float16, "float16", 2),
    (11, Double, "float64", 8),
    (12, Uint32, "uint32", 4),
    (16, Bfloat16, "bfloat16", 2),
];

impl Element {
    pub fn of_code(code: i64) -> Result<Self, Fault> {
        let found = TABLE.iter().find(|(known, ..)| i64::from(*known) == code);
        found.map(|row| row.1).ok_or_else(|| {
            let told = match code {
                8 => "string".to_owned(),
                13 => "uint64".to_owned(),
                14 | 15 => "complex".to_owned(),
                17..=20 => "float8".to_owned(),
                _ => format!("number {code}"),
            };
            Fault::Expected(format!("elements of the type {told} are not supported"))
        })
    }

    pub fn of_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.2 == name).map(|row| row.1)
    }

    fn row(self) -> &'static (i32, Element, &'static str, usize) {
        TABLE.iter().find(|row| row.1 == self).unwrap_or(&TABLE[0])
    }

    pub fn name(self) -> &'static str {
        self.row().2
    }

    pub fn bytes(self) -> usize {
        self.row().3
    }

    pub fn is_float(self) -> bool {
        matches!(self, Float | Double | Float16 | Bfloat16)
    }

    /// How it is held.
    pub fn held(self) -> DType {
        match self {
            Bool => DType::U8,
            Float | Float16 | Bfloat16 => DType::F32,
            Double => DType::F64,
            _ => DType::I64,
        }
    }

    /// A held integer as its width has it.
    pub fn wrap(self, value: i64) -> i64 {
        match self {
            Uint8 => i64::from(value as u8),
            Uint16 => i64::from(value as u16),
            Uint32 => i64::from(value as u32),
            Int8 => i64::from(value as i8),
            Int16 => i64::from(value as i16),
            Int32 => i64::from(value as i32),
            _ => value,
        }
    }

    /// Of little-endian bytes in C order; their number is the caller's to have checked.
    pub fn read(self, bytes: &[u8], shape: &[usize]) -> Result<Tensor, Fault> {
        fn each<const N: usize, T>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
            let (whole, _) = bytes.as_chunks::<N>();
            whole.iter().map(|each| read(*each)).collect()
        }
        let cpu = &Device::Cpu;
        let ints = |values: Vec<i64>| Tensor::from_vec(values, shape, cpu);
        let floats = |values: Vec<f32>| Tensor::from_vec(values, shape, cpu);
        Ok(match self {
            Bool => {
                let values: Vec<u8> = bytes.iter().map(|each| u8::from(*each != 0)).collect();
                Tensor::from_vec(values, shape, cpu)?
            }
            Uint8 => ints(each(bytes, |b: [u8; 1]| i64::from(b[0])))?,
            Int8 => ints(each(bytes, |b| i64::from(i8::from_le_bytes(b))))?,
            Uint16 => ints(each(bytes, |b| i64::from(u16::from_le_bytes(b))))?,
            Int16 => ints(each(bytes, |b| i64::from(i16::from_le_bytes(b))))?,
            Uint32 => ints(each(bytes, |b| i64::from(u32::from_le_bytes(b))))?,
            Int32 => ints(each(bytes, |b| i64::from(i32::from_le_bytes(b))))?,
            Int64 => ints(each(bytes, i64::from_le_bytes))?,
            Float16 => floats(each(bytes, |b| f16::from_le_bytes(b).to_f32()))?,
            Bfloat16 => floats(each(bytes, |b| bf16::from_le_bytes(b).to_f32()))?,
            Float => floats(each(bytes, f32::from_le_bytes))?,
            Double => Tensor::from_vec(each(bytes, f64::from_le_bytes), shape, cpu)?,
        })
    }

    /// As little-endian bytes in C order.
    pub fn write(self, tensor: &Tensor) -> Result<Vec<u8>, Fault> {
        let flat = tensor.flatten_all()?;
        if self == Bool {
            return Ok(flat.to_vec1::<u8>()?);
        }
        if self == Double {
            return Ok(flat.to_vec1::<f64>()?.iter().flat_map(|v| v.to_le_bytes()).collect());
        }
        if self.is_float() {
            let values = flat.to_vec1::<f32>()?;
            return Ok(match self {
                Float16 => values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect(),
                Bfloat16 => values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect(),
                _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            });
        }
        let size = self.bytes();
        let values = flat.to_vec1::<i64>()?;
        let mut out = Vec::with_capacity(values.len() * size);
        for value in values {
            out.extend_from_slice(&value.to_le_bytes()[..size]);
        }
        Ok(out)
    }
}
