//! Of each element alone.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::Value;
use super::{Done, Given};
use candle_core::{DType, Tensor};

/// Computed in float64, whatever the floats are: exact, and not the fastest.
pub fn float(given: &Given<'_>, compute: impl Fn(f64) -> f64) -> Done {
    let value = floats(given)?;
    let computed = value.doubles()?.into_iter().map(compute).collect();
    Ok(vec![value.like(computed, value.dims())?])
}

fn floats<'a>(given: &'a Given<'_>) -> Result<&'a Value, Fault> {
    let value = given.get(0)?;
    if !value.element.is_float() {
        return Fault::expected(format!("floats, not {}", value.element.name()));
    }
    Ok(value)
}

fn fast(given: &Given<'_>, compute: fn(&Tensor) -> candle_core::Result<Tensor>) -> Done {
    let value = floats(given)?;
    Ok(vec![Value::new(value.element, compute(&value.tensor)?)?])
}

pub fn exp(given: &Given<'_>) -> Done {
    fast(given, Tensor::exp)
}

pub fn sqrt(given: &Given<'_>) -> Done {
    fast(given, Tensor::sqrt)
}

pub fn tanh(given: &Given<'_>) -> Done {
    fast(given, Tensor::tanh)
}

pub fn erf(given: &Given<'_>) -> Done {
    fast(given, Tensor::erf)
}

pub fn sigmoid(given: &Given<'_>) -> Done {
    fast(given, |x| x.neg()?.exp()?.affine(1.0, 1.0)?.recip())
}

pub fn gelu(given: &Given<'_>) -> Done {
    match given.attributes.text("approximate", "none") {
        "tanh" => fast(given, Tensor::gelu),
        _ => fast(given, Tensor::gelu_erf),
    }
}

/// Floats and integers.
fn both(
    given: &Given<'_>,
    floats: fn(&Tensor) -> candle_core::Result<Tensor>,
    ints: fn(i64) -> i64,
) -> Done {
    let value = given.get(0)?;
    if value.element.is_float() {
        return fast(given, floats);
    }
    let computed = value.integers()?.into_iter().map(ints).collect();
    let tensor = Tensor::from_vec(computed, value.dims(), value.tensor.device())?;
    Ok(vec![Value::new(value.element, tensor)?])
}

pub fn abs(given: &Given<'_>) -> Done {
    both(given, Tensor::abs, i64::wrapping_abs)
}

pub fn neg(given: &Given<'_>) -> Done {
    both(given, Tensor::neg, i64::wrapping_neg)
}

pub fn relu(given: &Given<'_>) -> Done {
    both(given, Tensor::relu, |x| x.max(0))
}

pub fn sign(given: &Given<'_>) -> Done {
    if given.get(0)?.element.is_float() {
        return float(given, |x| if x == 0.0 { 0.0 } else { x.signum() });
    }
    both(given, Tensor::sign, i64::signum)
}

pub fn leaky_relu(given: &Given<'_>) -> Done {
    let slope = given.attributes.float("alpha", 0.01);
    float(given, |x| if x < 0.0 { x * slope } else { x })
}

pub fn elu(given: &Given<'_>) -> Done {
    let alpha = given.attributes.float("alpha", 1.0);
    float(given, |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
}

pub fn celu(given: &Given<'_>) -> Done {
    let alpha = given.attributes.float("alpha", 1.0);
    float(given, |x| x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0))
}

pub fn selu(given: &Given<'_>) -> Done {
    let alpha = given.attributes.float("alpha", 1.673_263_2);
    let gamma = given.attributes.float("gamma", 1.050_701);
    float(given, |x| gamma * if x <= 0.0 { alpha * x.exp_m1() } else { x })
}

pub fn thresholded_relu(given: &Given<'_>) -> Done {
    let least = given.attributes.float("alpha", 1.0);
    float(given, |x| if x > least { x } else { 0.0 })
}

pub fn hard_sigmoid(given: &Given<'_>) -> Done {
    let alpha = given.attributes.float("alpha", 0.2);
    let beta = given.attributes.float("beta", 0.5);
    float(given, |x| (alpha * x + beta).clamp(0.0, 1.0))
}

pub fn hard_swish(given: &Given<'_>) -> Done {
    float(given, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
}

pub fn cast(given: &Given<'_>) -> Done {
    to(given.get(0)?, Element::of_code(given.attributes.int("to", 0))?)
}

pub fn cast_like(given: &Given<'_>) -> Done {
    to(given.get(0)?, given.get(1)?.element)
}

fn to(value: &Value, element: Element) -> Done {
    if value.element == element {
        return Ok(vec![value.clone()]);
    }
    if element == Element::Bool {
        let zero = value.tensor.zeros_like()?;
        return Ok(vec![Value::truths(value.tensor.ne(&zero)?)]);
    }
    let tensor = match (value.element.is_float(), element.is_float()) {
        // What is no number, and what does not fit, is not defined: as Rust has it.
        (true, false) => value.tensor.to_dtype(DType::I64)?,
        _ => value.tensor.to_dtype(element.held())?,
    };
    Ok(vec![Value::new(element, tensor)?])
}
