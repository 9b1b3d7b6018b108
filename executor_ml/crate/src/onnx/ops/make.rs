//! Values made of little.

use super::super::attributes::Attributes;
use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::{Value, room, shape_of};
use super::{Done, Given};
use candle_core::{Device, Tensor};

const KINDS: [&str; 5] = ["value", "value_float", "value_floats", "value_int", "value_ints"];

/// What of a Constant is not supported.
pub fn refused(attributes: &Attributes) -> Option<String> {
    (!KINDS.iter().any(|name| attributes.has(name))).then(|| "sparse or text values".to_owned())
}

pub fn constant(given: &Given<'_>) -> Done {
    let told = given.attributes;
    if let Some(value) = told.tensor("value")? {
        return Ok(vec![value]);
    }
    let cpu = &Device::Cpu;
    let float = |tensor| Value::new(Element::Float, tensor);
    Ok(vec![if let Some(values) = told.floats("value_floats").filter(|v| !v.is_empty()) {
        float(Tensor::new(values, cpu)?)?
    } else if let Some(values) = told.ints("value_ints").filter(|v| !v.is_empty()) {
        Value::ints(values.to_vec(), &[values.len()])?
    } else if let Some(value) = told.optional_int("value_int") {
        Value::ints(vec![value], &[])?
    } else {
        float(Tensor::new(told.float("value_float", 0.0) as f32, cpu)?)?
    }])
}

pub fn constant_of_shape(given: &Given<'_>) -> Done {
    let shape = shape_of(&given.get(0)?.integers()?)?;
    room(&shape)?;
    let value = match given.attributes.tensor("value")? {
        Some(value) if value.tensor.elem_count() == 1 => value,
        Some(value) => return Fault::expected(format!("one value, not {:?}", value.dims())),
        None => Value::new(Element::Float, Tensor::new(0f32, &Device::Cpu)?)?,
    };
    let filled = value.tensor.reshape(())?.broadcast_as(shape)?.contiguous()?;
    Ok(vec![value.moved(filled)])
}

pub fn range(given: &Given<'_>) -> Done {
    let (start, limit, step) = (given.get(0)?, given.get(1)?, given.get(2)?);
    if !start.element.is_float() {
        let (start, limit, step) = (start.integer()?, limit.integer()?, step.integer()?);
        let count = steps(start as f64, limit as f64, step as f64)?;
        let values = (0..count as i64).map(|at| start + at * step).collect();
        let tensor = Tensor::from_vec(values, count, &Device::Cpu)?;
        return Ok(vec![Value::new(given.get(0)?.element, tensor)?]);
    }
    let one = |value: &Value| -> Result<f64, Fault> {
        let found = value.doubles()?;
        found.first().copied().ok_or_else(|| Fault::Expected("one number".to_owned()))
    };
    let (from, to, by) = (one(start)?, one(limit)?, one(step)?);
    let count = steps(from, to, by)?;
    Ok(vec![start.like((0..count).map(|at| from + at as f64 * by).collect(), &[count])?])
}

fn steps(start: f64, limit: f64, step: f64) -> Result<usize, Fault> {
    let count = ((limit - start) / step).ceil().max(0.0);
    if !count.is_finite() || step == 0.0 {
        return Fault::expected(format!(
            "numbers with an end, not from {start} to {limit} by {step}"
        ));
    }
    room(&[count as usize])
}

pub fn one_hot(given: &Given<'_>) -> Done {
    let (indices, depth, values) = (given.get(0)?, given.get(1)?, given.get(2)?);
    let depth = depth.doubles()?.first().map_or(0, |depth| *depth as usize);
    if values.tensor.elem_count() != 2 {
        return Fault::expected(format!("two values, not {:?}", values.dims()));
    }
    let rank = indices.dims().len() + 1;
    let axis = super::super::value::axis_of(given.attributes.int("axis", -1), rank)?;
    let mut shape = indices.dims().to_vec();
    shape.insert(axis, depth);
    let count = room(&shape)?;
    let inner: usize = shape[axis + 1..].iter().product();
    let pair = values.doubles()?;
    let mut filled = vec![pair[0]; count];
    for (at, index) in indices.doubles()?.into_iter().enumerate() {
        let index = if index < 0.0 { index + depth as f64 } else { index };
        if index >= 0.0 && index < depth as f64 {
            filled[(at / inner * depth + index as usize) * inner + at % inner] = pair[1];
        }
    }
    Ok(vec![values.like(filled, &shape)?])
}

pub fn eye_like(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let [rows, columns] = *value.dims() else {
        return Fault::expected(format!("two dimensions, not {:?}", value.dims()));
    };
    let element = given.attributes.optional_int("dtype").map(Element::of_code).transpose()?;
    let k = given.attributes.int("k", 0);
    let ones = (0..rows as i64)
        .flat_map(|row| {
            (0..columns as i64).map(move |column| f64::from(u8::from(column - row == k)))
        })
        .collect();
    let like = Value { element: element.unwrap_or(value.element), tensor: value.tensor.clone() };
    Ok(vec![like.like(ones, &[rows, columns])?])
}
