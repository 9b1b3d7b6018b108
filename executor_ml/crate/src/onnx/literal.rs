//! Tensors that a file holds.

use super::element::Element;
use super::error::Fault;
use super::proto::TensorData;
use super::value::{Value, room, shape_of};
use std::borrow::Cow;

const EXTERNAL: i32 = 1;

/// The value of a tensor in a file.
pub fn read(told: &TensorData) -> Result<Value, Fault> {
    if told.location == EXTERNAL || !told.external.is_empty() {
        return Fault::expected(
            "its data is in another file, which is never read; save the model as one file",
        );
    }
    let element = Element::of_code(told.element.into())?;
    let shape = shape_of(&told.dims)?;
    let count = room(&shape)?;
    let bytes: Cow<'_, [u8]> =
        if told.raw.is_empty() { typed(told, element).into() } else { (&told.raw[..]).into() };
    if bytes.len() != count * element.bytes() {
        return Fault::expected(format!(
            "{} bytes for {} {shape:?}, not {}",
            count * element.bytes(),
            element.name(),
            bytes.len()
        ));
    }
    Ok(Value { element, tensor: element.read(&bytes, &shape)? })
}

/// The bytes of elements that lie in the fields of their types.
fn typed(told: &TensorData, element: Element) -> Vec<u8> {
    let size = element.bytes();
    match element {
        Element::Float => told.floats.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Element::Double => told.doubles.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Element::Int64 => told.int64s.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Element::Uint32 => {
            told.uint64s.iter().flat_map(|v| v.to_le_bytes()[..size].to_vec()).collect()
        }
        _ => told.int32s.iter().flat_map(|v| v.to_le_bytes()[..size].to_vec()).collect(),
    }
}
