//! Elements as they are, in other shapes and places.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::{Value, axis_of, room, shape_of};
use super::arithmetic::{broadcast, number};
use super::{Done, Given};
use candle_core::{Device, Tensor};

pub fn identity(given: &Given<'_>) -> Done {
    Ok(vec![given.get(0)?.clone()])
}

/// Nothing is dropped where nothing is trained.
pub fn dropout(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let trains = given.optional(2).map_or(Ok(0), Value::integer)? != 0;
    let ratio = given.optional(1).map_or(Ok(vec![0.5]), Value::doubles)?;
    if trains && ratio.first() != Some(&0.0) {
        return Fault::expected("training_mode that is false: nothing is trained");
    }
    let all = Tensor::ones(value.dims(), candle_core::DType::U8, &Device::Cpu)?;
    Ok(vec![value.clone(), Value::truths(all)])
}

pub fn shape(given: &Given<'_>) -> Done {
    let dims: Vec<i64> = given.get(0)?.dims().iter().map(|n| *n as i64).collect();
    let rank = dims.len() as i64;
    let place =
        |at: i64| (if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank) as usize;
    let start = place(given.attributes.int("start", 0));
    let end = place(given.attributes.int("end", i64::MAX));
    let part = dims.get(start..end.max(start)).unwrap_or_default().to_vec();
    let count = part.len();
    Ok(vec![Value::ints(part, &[count])?])
}

pub fn size(given: &Given<'_>) -> Done {
    Ok(vec![Value::ints(vec![given.get(0)?.tensor.elem_count() as i64], &[])?])
}

pub fn reshape(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let told = given.get(1)?.integers()?;
    let keep = !given.attributes.is("allowzero");
    let mut dims = Vec::with_capacity(told.len());
    for (at, n) in told.iter().enumerate() {
        dims.push(match n {
            -1 => 1,
            0 if keep => *value
                .dims()
                .get(at)
                .ok_or_else(|| Fault::Expected(format!("a dimension {at} to keep")))?,
            n => usize::try_from(*n)
                .map_err(|_| Fault::Expected(format!("a shape, not {told:?}")))?,
        });
    }
    let count = value.tensor.elem_count();
    if let Some(at) = told.iter().position(|n| *n == -1) {
        let others = room(&dims)?;
        dims[at] = count.checked_div(others).unwrap_or(0);
    }
    if room(&dims)? != count || told.iter().filter(|n| **n == -1).count() > 1 {
        return Fault::expected(format!("a shape of {count} elements, not {told:?}"));
    }
    Ok(vec![value.moved(value.tensor.reshape(dims)?)])
}

pub fn flatten(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let rank = value.dims().len();
    let axis = given.attributes.int("axis", 1);
    let axis = if axis == rank as i64 { rank } else { axis_of(axis, rank)? };
    let rows: usize = value.dims()[..axis].iter().product();
    let columns: usize = value.dims()[axis..].iter().product();
    Ok(vec![value.moved(value.tensor.reshape((rows, columns))?)])
}

pub fn squeeze(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let dims = value.dims();
    let gone = match given.numbers(1, "axes")? {
        Some(axes) => {
            axes.iter().map(|axis| axis_of(*axis, dims.len())).collect::<Result<_, _>>()?
        }
        None => (0..dims.len()).filter(|at| dims[*at] == 1).collect::<Vec<_>>(),
    };
    if let Some(at) = gone.iter().find(|at| dims[**at] != 1) {
        return Fault::expected(format!("a dimension {at} of 1 in {dims:?}"));
    }
    let left: Vec<usize> =
        (0..dims.len()).filter(|at| !gone.contains(at)).map(|at| dims[at]).collect();
    Ok(vec![value.moved(value.tensor.reshape(left)?)])
}

pub fn unsqueeze(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let axes = given.numbers(1, "axes")?.unwrap_or_default();
    let rank = value.dims().len() + axes.len();
    let new = axes.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut old = value.dims().iter();
    let dims: Vec<usize> = (0..rank)
        .map(|at| if new.contains(&at) { 1 } else { old.next().copied().unwrap_or(1) })
        .collect();
    Ok(vec![value.moved(value.tensor.reshape(dims)?)])
}

pub fn transpose(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let rank = value.dims().len();
    let order: Vec<usize> = match given.attributes.ints("perm") {
        Some(told) => told.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted != (0..rank).collect::<Vec<_>>() {
        return Fault::expected(format!("an order of {rank} dimensions, not {order:?}"));
    }
    Ok(vec![value.moved(value.tensor.permute(order)?.contiguous()?)])
}

pub fn concat(given: &Given<'_>) -> Done {
    let all = given.all()?;
    let axis = axis_of(given.attributes.int("axis", 0), all[0].dims().len())?;
    if all.iter().any(|value| value.element != all[0].element) {
        return Fault::expected("values of one type");
    }
    // An empty row is a shape of no dimensions, as exporters have it.
    let tensors: Vec<&Tensor> =
        all.iter().filter(|value| value.dims() != [0]).map(|value| &value.tensor).collect();
    if tensors.is_empty() {
        return Ok(vec![all[0].clone()]);
    }
    Ok(vec![all[0].moved(Tensor::cat(&tensors, axis)?.contiguous()?)])
}

pub fn split(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let axis = axis_of(given.attributes.int("axis", 0), value.dims().len())?;
    let length = value.dims()[axis];
    let sizes = match given.numbers(1, "split")? {
        Some(told) => shape_of(&told)?,
        None => {
            let parts = given.attributes.int("num_outputs", given.outputs as i64).max(1) as usize;
            let each = length.div_ceil(parts);
            (0..parts).map(|at| each.min(length.saturating_sub(at * each))).collect()
        }
    };
    if sizes.iter().sum::<usize>() != length {
        return Fault::expected(format!("parts of {length} in all, not {sizes:?}"));
    }
    let mut start = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        parts.push(value.moved(value.tensor.narrow(axis, start, size)?.contiguous()?));
        start += size;
    }
    Ok(parts)
}

pub fn slice(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let rank = value.dims().len();
    let missing = || Fault::Expected("starts and ends".to_owned());
    let starts = given.numbers(1, "starts")?.ok_or_else(missing)?;
    let ends = given.numbers(2, "ends")?.ok_or_else(missing)?;
    let axes = given.numbers(3, "axes")?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = given.optional(4).map(Value::integers).transpose()?;
    let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|count| *count != starts.len()) {
        return Fault::expected("as many starts as ends, axes and steps");
    }
    let mut tensor = value.tensor.clone();
    for (at, axis) in axes.iter().enumerate() {
        let axis = axis_of(*axis, rank)?;
        tensor = sliced(&tensor, axis, starts[at], ends[at], steps[at])?;
    }
    Ok(vec![value.moved(tensor.contiguous()?)])
}

fn sliced(tensor: &Tensor, axis: usize, start: i64, end: i64, step: i64) -> Result<Tensor, Fault> {
    if step == 0 {
        return Fault::expected("a step that is not 0");
    }
    let length = tensor.dims()[axis] as i64;
    let place = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let start = place(start).clamp(low.max(0), high.max(0));
    let end = place(end).clamp(low, high);
    if step == 1 {
        let count = (end - start).max(0) as usize;
        return Ok(tensor.narrow(axis, start.min(length) as usize, count)?);
    }
    let mut places = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        places.push(at);
        at = at.saturating_add(step);
    }
    taken(tensor, axis, places)
}

/// Places along an axis.
pub fn taken(tensor: &Tensor, axis: usize, places: Vec<i64>) -> Result<Tensor, Fault> {
    let mut shape = tensor.dims().to_vec();
    shape[axis] = places.len();
    if room(&shape)? == 0 {
        return Ok(Tensor::zeros(shape, tensor.dtype(), &Device::Cpu)?);
    }
    let count = places.len();
    let places = Tensor::from_vec(places, count, &Device::Cpu)?;
    Ok(tensor.contiguous()?.index_select(&places, axis)?)
}

pub fn expand(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let asked = shape_of(&given.get(1)?.integers()?)?;
    let shape = broadcast(&[value.dims(), &asked])?;
    Ok(vec![value.moved(value.tensor.broadcast_as(shape)?.contiguous()?)])
}

pub fn tile(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let times = shape_of(&given.get(1)?.integers()?)?;
    if times.len() != value.dims().len() {
        return Fault::expected(format!("{} numbers, not {times:?}", value.dims().len()));
    }
    let mut tensor = value.tensor.clone();
    for (axis, times) in times.into_iter().enumerate() {
        let length = tensor.dims()[axis];
        let mut shape = tensor.dims().to_vec();
        shape[axis] = length.saturating_mul(times);
        room(&shape)?;
        if times != 1 {
            let places = (0..length * times).map(|at| (at % length) as i64).collect();
            tensor = taken(&tensor, axis, places)?;
        }
    }
    Ok(vec![value.moved(tensor)])
}

pub fn pad(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let rank = value.dims().len();
    let told = given.numbers(1, "pads")?.unwrap_or_default();
    let axes: Vec<usize> = match given.optional(3) {
        Some(axes) => {
            axes.integers()?.iter().map(|axis| axis_of(*axis, rank)).collect::<Result<_, _>>()?
        }
        None => (0..rank).collect(),
    };
    if told.len() != axes.len() * 2 {
        return Fault::expected(format!("{} pads, not {told:?}", axes.len() * 2));
    }
    let mode = given.attributes.text("mode", "constant");
    let fill = match given.optional(2) {
        Some(fill) if fill.element != value.element || fill.tensor.elem_count() != 1 => {
            return Fault::expected(format!("one {} to pad with", value.element.name()));
        }
        Some(fill) => fill.tensor.reshape(())?,
        None => number(given.attributes.float("value", 0.0), value.element)?,
    };
    let mut tensor = value.tensor.clone();
    for (at, axis) in axes.iter().enumerate() {
        let (before, after) = (told[at], told[at + axes.len()]);
        tensor = padded(&tensor, *axis, (before, after), mode, &fill)?;
    }
    Ok(vec![value.moved(tensor.contiguous()?)])
}

fn padded(
    tensor: &Tensor,
    axis: usize,
    (before, after): (i64, i64),
    mode: &str,
    fill: &Tensor,
) -> Result<Tensor, Fault> {
    if (before, after) == (0, 0) {
        return Ok(tensor.clone());
    }
    let length = tensor.dims()[axis] as i64;
    let most = 1 << 30;
    if before.abs() > most || after.abs() > most || length + before + after < 0 {
        return Fault::expected(format!("pads that fit {length}, not {before} and {after}"));
    }
    let mut shape = tensor.dims().to_vec();
    shape[axis] = (length + before + after) as usize;
    room(&shape)?;
    if mode == "constant" {
        let cut = tensor.narrow(
            axis,
            before.min(0).unsigned_abs() as usize,
            (length + before.min(0) + after.min(0)).max(0) as usize,
        )?;
        let mut parts = Vec::with_capacity(3);
        for (count, part) in [(before, None), (0, Some(cut)), (after, None)] {
            if let Some(part) = part {
                parts.push(part);
            } else if count > 0 {
                shape[axis] = count as usize;
                parts.push(fill.broadcast_as(&shape[..])?.contiguous()?);
            }
        }
        return Ok(Tensor::cat(&parts, axis)?);
    }
    if length == 0 {
        return Fault::expected("something to pad with");
    }
    let place = |at: i64| match mode {
        "edge" => at.clamp(0, length - 1),
        "wrap" => at.rem_euclid(length),
        _ if length == 1 => 0,
        _ => {
            let period = 2 * (length - 1);
            let at = at.rem_euclid(period);
            if at < length { at } else { period - at }
        }
    };
    taken(tensor, axis, (-before..length + after).map(place).collect())
}

fn blocks<'a>(given: &'a Given<'_>) -> Result<(&'a Value, [usize; 4], usize), Fault> {
    let value = given.get(0)?;
    let size = usize::try_from(given.attributes.int("blocksize", 0)).unwrap_or(0);
    match value.dims() {
        [n, c, h, w] if (1..=1 << 16).contains(&size) => Ok((value, [*n, *c, *h, *w], size)),
        dims => Fault::expected(format!("four dimensions and a blocksize, not {dims:?}")),
    }
}

pub fn depth_to_space(given: &Given<'_>) -> Done {
    let (value, [n, c, h, w], size) = blocks(given)?;
    let tensor = &value.tensor;
    let tensor = if given.attributes.text("mode", "DCR") == "CRD" {
        tensor
            .reshape(vec![n, c / (size * size), size, size, h, w])?
            .permute(vec![0, 1, 4, 2, 5, 3])?
    } else {
        tensor
            .reshape(vec![n, size, size, c / (size * size), h, w])?
            .permute(vec![0, 3, 4, 1, 5, 2])?
    };
    let shape = (n, c / (size * size), h * size, w * size);
    Ok(vec![value.moved(tensor.contiguous()?.reshape(shape)?)])
}

pub fn space_to_depth(given: &Given<'_>) -> Done {
    let (value, [n, c, h, w], size) = blocks(given)?;
    let tensor = value.tensor.reshape(vec![n, c, h / size, size, w / size, size])?;
    let order = if given.attributes.text("mode", "DCR") == "CRD" {
        vec![0, 1, 3, 5, 2, 4]
    } else {
        vec![0, 3, 5, 1, 2, 4]
    };
    let tensor = tensor.permute(order)?.contiguous()?;
    Ok(vec![value.moved(tensor.reshape((n, c * size * size, h / size, w / size))?)])
}

/// A value as floats are held, for what computes with them alone.
pub fn expect_floats(value: &Value) -> Result<Element, Fault> {
    if value.element.is_float() {
        return Ok(value.element);
    }
    Fault::expected(format!("floats, not {}", value.element.name()))
}
