//! Softmax and normalisations.

use super::super::error::Fault;
use super::super::value::{Value, axis_of};
use super::shape::expect_floats;
use super::{Done, Given};
use candle_core::{D, Tensor};

type Along = fn(&Tensor, usize) -> candle_core::Result<Tensor>;

/// Along an axis; before set 13, over all dimensions from it on.
fn along(given: &Given<'_>, compute: Along) -> Done {
    let value = given.get(0)?;
    expect_floats(value)?;
    let rank = value.dims().len();
    let newer = given.opset >= 13;
    let axis = axis_of(given.attributes.int("axis", if newer { -1 } else { 1 }), rank)?;
    if newer {
        return Ok(vec![Value::new(value.element, compute(&value.tensor, axis)?)?]);
    }
    let rows: usize = value.dims()[..axis].iter().product();
    let columns: usize = value.dims()[axis..].iter().product();
    let flat = value.tensor.reshape((rows, columns))?;
    Ok(vec![Value::new(value.element, compute(&flat, 1)?.reshape(value.dims())?)?])
}

pub fn softmax(given: &Given<'_>) -> Done {
    along(given, |t, axis| {
        let exp = t.broadcast_sub(&t.max_keepdim(axis)?)?.exp()?;
        exp.broadcast_div(&exp.sum_keepdim(axis)?)
    })
}

pub fn log_softmax(given: &Given<'_>) -> Done {
    along(given, |t, axis| {
        let less = t.broadcast_sub(&t.max_keepdim(axis)?)?;
        less.broadcast_sub(&less.exp()?.sum_keepdim(axis)?.log()?)
    })
}

/// A row of numbers, one for each channel, over a value's dimensions.
fn channels(row: &Value, value: &Value) -> Result<Tensor, Fault> {
    let mut shape = vec![1; value.dims().len().max(2)];
    shape[1] = value.dims().get(1).copied().unwrap_or(1);
    Ok(row.tensor.to_dtype(value.tensor.dtype())?.reshape(shape)?)
}

pub fn batch(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    expect_floats(value)?;
    let of = |index: usize| channels(given.get(index)?, value);
    let (scale, bias, mean, variance) = (of(1)?, of(2)?, of(3)?, of(4)?);
    let by = scale.div(&(variance + given.attributes.float("epsilon", 1e-5))?.sqrt()?)?;
    let shift = bias.sub(&mean.mul(&by)?)?;
    let tensor = value.tensor.broadcast_mul(&by)?.broadcast_add(&shift)?;
    Ok(vec![Value::new(value.element, tensor)?])
}

/// Rows to mean 0 and variance 1; with what was taken from each, and what by.
fn rows(flat: &Tensor, epsilon: f64) -> Result<(Tensor, Tensor, Tensor), Fault> {
    let mean = flat.mean_keepdim(D::Minus1)?;
    let less = flat.broadcast_sub(&mean)?;
    let by = (less.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?.recip()?;
    Ok((less.broadcast_mul(&by)?, mean, by))
}

pub fn layer(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let element = expect_floats(value)?;
    let dims = value.dims();
    let axis = axis_of(given.attributes.int("axis", -1), dims.len())?;
    let count: usize = dims[..axis].iter().product();
    let each: usize = dims[axis..].iter().product();
    let flat = value.tensor.reshape((count, each))?;
    let (normal, mean, by) = rows(&flat, given.attributes.float("epsilon", 1e-5))?;
    let mut tensor = normal.reshape(dims)?.broadcast_mul(&given.get(1)?.tensor)?;
    if let Some(bias) = given.optional(2) {
        tensor = tensor.broadcast_add(&bias.tensor)?;
    }
    let mut left = dims.to_vec();
    left[axis..].fill(1);
    let told = |tensor: Tensor| Value::new(element, tensor.reshape(&left[..])?);
    Ok(vec![Value::new(element, tensor)?, told(mean)?, told(by)?])
}

fn grouped(given: &Given<'_>, groups: Option<usize>) -> Done {
    let value = given.get(0)?;
    expect_floats(value)?;
    let [n, c, size @ ..] = value.dims() else {
        return Fault::expected(format!("[batch, channels, …], not {:?}", value.dims()));
    };
    let groups = groups.unwrap_or(*c);
    if groups == 0 || c % groups != 0 {
        return Fault::expected(format!("groups that {c} channels fall into, not {groups}"));
    }
    let plane = size.iter().product::<usize>() * (c / groups);
    let flat = value.tensor.reshape((n * groups, plane))?;
    let (normal, ..) = rows(&flat, given.attributes.float("epsilon", 1e-5))?;
    let normal = normal.reshape(value.dims())?;
    let of = |index: usize| -> Result<Tensor, Fault> {
        let row = given.get(index)?;
        if row.tensor.elem_count() == *c {
            return channels(row, value);
        }
        // Before set 21 there is one number for each group.
        let spread = row.tensor.reshape((row.tensor.elem_count(), 1))?;
        let spread = spread.broadcast_as((row.tensor.elem_count(), c / groups))?.flatten_all()?;
        channels(&row.moved(spread), value)
    };
    let tensor = normal.broadcast_mul(&of(1)?)?.broadcast_add(&of(2)?)?;
    Ok(vec![Value::new(value.element, tensor)?])
}

pub fn instance(given: &Given<'_>) -> Done {
    grouped(given, None)
}

pub fn group(given: &Given<'_>) -> Done {
    grouped(given, usize::try_from(given.attributes.int("num_groups", 0)).ok())
}
