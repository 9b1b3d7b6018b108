//! What is true, and of truths.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::Value;
use super::arithmetic::pair;
use super::{Done, Given};
use candle_core::{Device, Tensor};

type Join = fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>;

fn compared(given: &Given<'_>, join: Join) -> Done {
    let (a, b) = pair(given)?;
    Ok(vec![Value::truths(join(&a.tensor, &b.tensor)?)])
}

pub fn equal(given: &Given<'_>) -> Done {
    compared(given, Tensor::broadcast_eq)
}

pub fn less(given: &Given<'_>) -> Done {
    compared(given, Tensor::broadcast_lt)
}

pub fn less_or_equal(given: &Given<'_>) -> Done {
    compared(given, Tensor::broadcast_le)
}

pub fn greater(given: &Given<'_>) -> Done {
    compared(given, Tensor::broadcast_gt)
}

pub fn greater_or_equal(given: &Given<'_>) -> Done {
    compared(given, Tensor::broadcast_ge)
}

fn truths(given: &Given<'_>, join: Join) -> Done {
    let (a, b) = pair(given)?;
    if a.element != Element::Bool {
        return Fault::expected(format!("bool, not {}", a.element.name()));
    }
    Ok(vec![Value::truths(join(&a.tensor, &b.tensor)?)])
}

pub fn and(given: &Given<'_>) -> Done {
    truths(given, Tensor::broadcast_minimum)
}

pub fn or(given: &Given<'_>) -> Done {
    truths(given, Tensor::broadcast_maximum)
}

pub fn xor(given: &Given<'_>) -> Done {
    truths(given, Tensor::broadcast_ne)
}

pub fn not(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    if value.element != Element::Bool {
        return Fault::expected(format!("bool, not {}", value.element.name()));
    }
    Ok(vec![Value::truths(value.tensor.eq(0u8)?)])
}

fn each(value: &Value, holds: impl Fn(f64) -> bool) -> Done {
    let values: Vec<u8> = value.doubles()?.iter().map(|x| u8::from(holds(*x))).collect();
    Ok(vec![Value::truths(Tensor::from_vec(values, value.dims(), &Device::Cpu)?)])
}

pub fn is_nan(given: &Given<'_>) -> Done {
    each(given.get(0)?, f64::is_nan)
}

pub fn is_inf(given: &Given<'_>) -> Done {
    let negative = given.attributes.int("detect_negative", 1) != 0;
    let positive = given.attributes.int("detect_positive", 1) != 0;
    each(given.get(0)?, |x| x.is_infinite() && if x < 0.0 { negative } else { positive })
}
