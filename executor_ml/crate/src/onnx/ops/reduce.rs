//! Over axes.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::{Value, axis_of};
use super::shape::expect_floats;
use super::{Done, Given};
use candle_core::{DType, Tensor};

/// The axes, and whether they are kept as 1. None: nothing is to be reduced.
fn axes(given: &Given<'_>) -> Result<Option<(Vec<usize>, bool)>, Fault> {
    let rank = given.get(0)?.dims().len();
    let keep = given.attributes.int("keepdims", 1) != 0;
    let told = given.numbers(1, "axes")?.unwrap_or_default();
    if told.is_empty() {
        let nothing = given.attributes.is("noop_with_empty_axes");
        return Ok((!nothing).then(|| ((0..rank).collect(), keep)));
    }
    let mut found = told.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    found.dedup();
    Ok(Some((found, keep)))
}

type Along = fn(&Tensor, usize) -> candle_core::Result<Tensor>;

/// Each axis in turn, kept as 1 until the end.
fn reduced(given: &Given<'_>, tensor: Tensor, along: Along) -> Result<Tensor, Fault> {
    let Some((axes, keep)) = axes(given)? else { return Ok(tensor) };
    let mut tensor = tensor;
    for axis in &axes {
        tensor = along(&tensor, *axis)?;
    }
    let left: Vec<usize> = tensor
        .dims()
        .iter()
        .enumerate()
        .filter(|(at, _)| keep || !axes.contains(at))
        .map(|(_, n)| *n)
        .collect();
    Ok(tensor.reshape(left)?)
}

/// What a reduction of nothing gives: `nothing`, as the type has it.
fn empty(given: &Given<'_>, nothing: f64) -> Result<Option<Value>, Fault> {
    let value = given.get(0)?;
    if value.tensor.elem_count() > 0 {
        return Ok(None);
    }
    // A sum of nothing has the shape, and zeros.
    let zeros = reduced(given, value.tensor.clone(), |t, axis| t.sum_keepdim(axis))?;
    let filled = if value.element.held() == DType::I64 {
        let least = value.element.wrap(if nothing < 0.0 { i64::MIN } else { i64::MAX });
        Tensor::full(
            if nothing.is_finite() { nothing as i64 } else { least },
            zeros.dims(),
            zeros.device(),
        )?
    } else {
        let nothing =
            if value.element == Element::Bool { nothing.clamp(0.0, 1.0) } else { nothing };
        Tensor::full(nothing, zeros.dims(), zeros.device())?.to_dtype(value.element.held())?
    };
    Ok(Some(value.moved(filled)))
}

fn some(given: &Given<'_>) -> Result<(), Fault> {
    if given.get(0)?.tensor.elem_count() == 0 {
        return Fault::expected("elements to choose from, not none");
    }
    Ok(())
}

pub fn sum(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let tensor = reduced(given, value.tensor.clone(), |t, axis| t.sum_keepdim(axis))?;
    Ok(vec![Value::new(value.element, tensor)?])
}

pub fn max(given: &Given<'_>) -> Done {
    if let Some(value) = empty(given, f64::NEG_INFINITY)? {
        return Ok(vec![value]);
    }
    let value = given.get(0)?;
    let tensor = reduced(given, value.tensor.clone(), |t, axis| t.max_keepdim(axis))?;
    Ok(vec![value.moved(tensor)])
}

pub fn min(given: &Given<'_>) -> Done {
    if let Some(value) = empty(given, f64::INFINITY)? {
        return Ok(vec![value]);
    }
    let value = given.get(0)?;
    let tensor = reduced(given, value.tensor.clone(), |t, axis| t.min_keepdim(axis))?;
    Ok(vec![value.moved(tensor)])
}

/// Of floats alone: before and after the sum.
fn floats(
    given: &Given<'_>,
    before: fn(&Tensor) -> candle_core::Result<Tensor>,
    after: fn(&Tensor) -> candle_core::Result<Tensor>,
) -> Done {
    let value = given.get(0)?;
    let held = if value.element.is_float() { value.element.held() } else { DType::F64 };
    let tensor = before(&value.tensor.to_dtype(held)?)?;
    let tensor = after(&reduced(given, tensor, |t, axis| t.sum_keepdim(axis))?)?;
    Ok(vec![Value::new(value.element, tensor.to_dtype(value.element.held())?)?])
}

pub fn mean(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let count = match axes(given)? {
        Some((axes, _)) => axes.iter().map(|axis| value.dims()[*axis]).product::<usize>(),
        None => 1,
    };
    let held = if value.element.is_float() { value.element.held() } else { DType::F64 };
    let total = reduced(given, value.tensor.to_dtype(held)?, |t, axis| t.sum_keepdim(axis))?;
    let tensor = (total / count as f64)?.to_dtype(value.element.held())?;
    Ok(vec![Value::new(value.element, tensor)?])
}

pub fn l1(given: &Given<'_>) -> Done {
    floats(given, Tensor::abs, |t| Ok(t.clone()))
}

pub fn l2(given: &Given<'_>) -> Done {
    floats(given, Tensor::sqr, Tensor::sqrt)
}

pub fn sum_square(given: &Given<'_>) -> Done {
    floats(given, Tensor::sqr, |t| Ok(t.clone()))
}

pub fn log_sum(given: &Given<'_>) -> Done {
    floats(given, |t| Ok(t.clone()), Tensor::log)
}

/// Axis by axis, each by its own greatest, so that none is too large for exp and none lost.
pub fn log_sum_exp(given: &Given<'_>) -> Done {
    if let Some(value) = empty(given, f64::NEG_INFINITY)? {
        return Ok(vec![value]);
    }
    let value = given.get(0)?;
    expect_floats(value)?;
    let tensor = reduced(given, value.tensor.clone(), |t, axis| {
        let most = t.max_keepdim(axis)?;
        // Where all are minus infinity there is no difference to take.
        let least = most.eq(f64::NEG_INFINITY)?;
        let most = least.where_cond(&most.zeros_like()?, &most)?;
        t.broadcast_sub(&most)?.exp()?.sum_keepdim(axis)?.log()?.broadcast_add(&most)
    })?;
    Ok(vec![Value::new(value.element, tensor)?])
}

pub fn product(given: &Given<'_>) -> Done {
    if let Some(value) = empty(given, 1.0)? {
        return Ok(vec![value]);
    }
    let value = given.get(0)?;
    let tensor = reduced(given, value.tensor.clone(), |t, axis| {
        let parts = t.chunk(t.dim(axis)?.max(1), axis)?;
        parts[1..].iter().try_fold(parts[0].clone(), |all, part| all.mul(part))
    })?;
    Ok(vec![Value::new(value.element, tensor)?])
}

fn arg(given: &Given<'_>, better: fn(f64, f64) -> bool) -> Done {
    some(given)?;
    let value = given.get(0)?;
    let dims = value.dims();
    let axis = axis_of(given.attributes.int("axis", 0), dims.len())?;
    let last = given.attributes.is("select_last_index");
    let (outer, length) = (dims[..axis].iter().product::<usize>(), dims[axis]);
    let inner: usize = dims[axis + 1..].iter().product();
    let values = value.doubles()?;
    let mut places = Vec::with_capacity(outer * inner);
    for row in 0..outer {
        for column in 0..inner {
            let get = |at: usize| values[(row * length + at) * inner + column];
            let mut best = 0;
            for at in 1..length {
                if better(get(at), get(best)) || (last && get(at) == get(best)) {
                    best = at;
                }
            }
            places.push(best as i64);
        }
    }
    let mut shape = dims.to_vec();
    shape[axis] = 1;
    if given.attributes.int("keepdims", 1) == 0 {
        shape.remove(axis);
    }
    Ok(vec![Value::ints(places, &shape)?])
}

pub fn arg_max(given: &Given<'_>) -> Done {
    arg(given, |a, b| a > b)
}

pub fn arg_min(given: &Given<'_>) -> Done {
    arg(given, |a, b| a < b)
}

pub fn cumulative(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let dims = value.dims();
    let axis = axis_of(given.get(1)?.integer()?, dims.len())?;
    let (exclusive, reverse) = (given.attributes.is("exclusive"), given.attributes.is("reverse"));
    let (outer, length) = (dims[..axis].iter().product::<usize>(), dims[axis]);
    let inner: usize = dims[axis + 1..].iter().product();
    let mut values = value.doubles()?;
    for row in 0..outer {
        for column in 0..inner {
            let mut total = 0.0;
            for at in 0..length {
                let at = if reverse { length - 1 - at } else { at };
                let each = &mut values[(row * length + at) * inner + column];
                let next = total + *each;
                *each = if exclusive { total } else { next };
                total = next;
            }
        }
    }
    if value.element == Element::Bool {
        return Fault::expected("numbers, not bool");
    }
    Ok(vec![value.like(values, dims)?])
}
