//! By index.

use super::super::error::Fault;
use super::super::value::{Value, axis_of, room};
use super::arithmetic::number;
use super::shape::taken;
use super::{Done, Given};
use candle_core::{DType, Device, Tensor};

fn place(at: i64, length: usize) -> Result<usize, Fault> {
    let found = if at < 0 { at.saturating_add(length as i64) } else { at };
    match usize::try_from(found) {
        Ok(found) if found < length => Ok(found),
        _ => Fault::expected(format!("an index below {length}, not {at}")),
    }
}

pub fn gather(given: &Given<'_>) -> Done {
    let (value, indices) = (given.get(0)?, given.get(1)?);
    let dims = value.dims();
    let axis = axis_of(given.attributes.int("axis", 0), dims.len())?;
    let places = indices
        .integers()?
        .iter()
        .map(|at| place(*at, dims[axis]).map(|at| at as i64))
        .collect::<Result<Vec<_>, _>>()?;
    let shape = [&dims[..axis], indices.dims(), &dims[axis + 1..]].concat();
    room(&shape)?;
    Ok(vec![value.moved(taken(&value.tensor, axis, places)?.reshape(shape)?)])
}

/// For each element of the indices, where it lies in a value whose axis it counts along.
fn along(value: &[usize], indices: &Value, axis: usize) -> Result<Vec<usize>, Fault> {
    let dims = indices.dims();
    let fits = dims.len() == value.len()
        && dims.iter().zip(value).enumerate().all(|(at, (n, most))| at == axis || n <= most);
    if !fits {
        return Fault::expected(format!("indices that fit {value:?}, not {dims:?}"));
    }
    let strides = strides(value);
    let mut at = vec![0usize; dims.len()];
    let mut places = Vec::with_capacity(indices.tensor.elem_count());
    for index in indices.integers()? {
        let chosen = place(index, value[axis])?;
        let place = (0..dims.len()).map(|d| if d == axis { chosen } else { at[d] } * strides[d]);
        places.push(place.sum());
        for d in (0..dims.len()).rev() {
            at[d] += 1;
            if at[d] < dims[d] {
                break;
            }
            at[d] = 0;
        }
    }
    Ok(places)
}

fn strides(dims: &[usize]) -> Vec<usize> {
    (0..dims.len()).map(|at| dims[at + 1..].iter().product()).collect()
}

/// Elements of a value, by their places in it.
fn elements(value: &Value, places: &[usize], shape: &[usize]) -> Result<Value, Fault> {
    let places = places.iter().map(|at| *at as i64).collect();
    let flat = taken(&value.tensor.flatten_all()?, 0, places)?;
    Ok(value.moved(flat.reshape(shape)?))
}

pub fn gather_elements(given: &Given<'_>) -> Done {
    let (value, indices) = (given.get(0)?, given.get(1)?);
    let axis = axis_of(given.attributes.int("axis", 0), value.dims().len())?;
    let places = along(value.dims(), indices, axis)?;
    Ok(vec![elements(value, &places, indices.dims())?])
}

/// Where each tuple of indices begins in a value, and how many elements it means.
fn tuples(value: &[usize], indices: &Value, batch: usize) -> Result<(Vec<usize>, usize), Fault> {
    let dims = indices.dims();
    let depth = dims.last().copied().unwrap_or(0);
    if dims.is_empty()
        || depth == 0
        || batch + depth > value.len()
        || dims.len() <= batch
        || value[..batch] != dims[..batch]
    {
        return Fault::expected(format!("tuples of indices of {value:?}, not {dims:?}"));
    }
    let strides = strides(value);
    let each: usize = value[batch + depth..].iter().product();
    let batches: usize = value[..batch].iter().product();
    let flat = indices.integers()?;
    let per = (flat.len() / depth).checked_div(batches).unwrap_or(0);
    let whole: usize = value[batch..].iter().product();
    let mut places = Vec::with_capacity(flat.len() / depth);
    for (number, tuple) in flat.chunks_exact(depth).enumerate() {
        let mut at = number.checked_div(per).unwrap_or(0) * whole;
        for (d, index) in tuple.iter().enumerate() {
            at += place(*index, value[batch + d])? * strides[batch + d];
        }
        places.push(at);
    }
    Ok((places, each))
}

pub fn gather_nd(given: &Given<'_>) -> Done {
    let (value, indices) = (given.get(0)?, given.get(1)?);
    let batch = usize::try_from(given.attributes.int("batch_dims", 0)).unwrap_or(usize::MAX / 2);
    let (starts, each) = tuples(value.dims(), indices, batch)?;
    let depth = indices.dims().last().copied().unwrap_or(0);
    let shape =
        [&indices.dims()[..indices.dims().len() - 1], &value.dims()[batch + depth..]].concat();
    room(&shape)?;
    let places: Vec<usize> = starts.iter().flat_map(|at| *at..*at + each).collect();
    Ok(vec![elements(value, &places, &shape)?])
}

/// A value with some of its elements replaced, or joined with others.
fn scattered(given: &Given<'_>, places: &[usize], updates: &Value) -> Done {
    let value = given.get(0)?;
    if updates.element != value.element || updates.tensor.elem_count() != places.len() {
        return Fault::expected(format!(
            "{} updates of the type {}, not {} {:?}",
            places.len(),
            value.element.name(),
            updates.element.name(),
            updates.dims()
        ));
    }
    let join: fn(f64, f64) -> f64 = match given.attributes.text("reduction", "none") {
        "add" => |a, b| a + b,
        "mul" => |a, b| a * b,
        "max" => f64::max,
        "min" => f64::min,
        _ => |_, b| b,
    };
    let whole: fn(i64, i64) -> i64 = match given.attributes.text("reduction", "none") {
        "add" => i64::wrapping_add,
        "mul" => i64::wrapping_mul,
        "max" => std::cmp::max,
        "min" => std::cmp::min,
        _ => |_, b| b,
    };
    if value.element.held() == DType::I64 {
        let mut values = value.integers()?;
        for (at, update) in places.iter().zip(updates.integers()?) {
            values[*at] = whole(values[*at], update);
        }
        let tensor = Tensor::from_vec(values, value.dims(), &Device::Cpu)?;
        return Ok(vec![Value::new(value.element, tensor)?]);
    }
    let mut values = value.doubles()?;
    for (at, update) in places.iter().zip(updates.doubles()?) {
        values[*at] = join(values[*at], update);
    }
    Ok(vec![value.like(values, value.dims())?])
}

pub fn scatter_elements(given: &Given<'_>) -> Done {
    let (value, indices) = (given.get(0)?, given.get(1)?);
    let axis = axis_of(given.attributes.int("axis", 0), value.dims().len())?;
    let places = along(value.dims(), indices, axis)?;
    scattered(given, &places, given.get(2)?)
}

pub fn scatter_nd(given: &Given<'_>) -> Done {
    let (value, indices) = (given.get(0)?, given.get(1)?);
    let (starts, each) = tuples(value.dims(), indices, 0)?;
    let places: Vec<usize> = starts.iter().flat_map(|at| *at..*at + each).collect();
    scattered(given, &places, given.get(2)?)
}

pub fn non_zero(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let zero = number(0.0, value.element)?;
    let found: Vec<usize> = value
        .tensor
        .broadcast_ne(&zero)?
        .flatten_all()?
        .to_vec1::<u8>()?
        .iter()
        .enumerate()
        .filter_map(|(at, holds)| (*holds != 0).then_some(at))
        .collect();
    let dims = value.dims();
    let rows = strides(dims).into_iter().zip(dims);
    let places: Vec<i64> =
        rows.flat_map(|(stride, n)| found.iter().map(move |at| (at / stride % n) as i64)).collect();
    Ok(vec![Value::ints(places, &[dims.len(), found.len()])?])
}
