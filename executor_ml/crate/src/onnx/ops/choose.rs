//! Some elements of a value, or of two.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::{Value, axis_of};
use super::arithmetic::{broadcast, number};
use super::{Done, Given};
use candle_core::{Device, Tensor};

pub fn pick(given: &Given<'_>) -> Done {
    let (condition, yes, no) = (given.get(0)?, given.get(1)?, given.get(2)?);
    if condition.element != Element::Bool || yes.element != no.element {
        return Fault::expected("a condition of bool, and two values of one type");
    }
    let shape = broadcast(&[condition.dims(), yes.dims(), no.dims()])?;
    let of = |value: &Value| value.tensor.broadcast_as(&shape[..])?.contiguous();
    Ok(vec![yes.moved(of(condition)?.where_cond(&of(yes)?, &of(no)?)?)])
}

pub fn top_k(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let dims = value.dims().to_vec();
    let axis = axis_of(given.attributes.int("axis", -1), dims.len())?;
    let count = match given.optional(1) {
        Some(count) => count.integer()?,
        None => given.attributes.int("k", 0),
    };
    let length = dims[axis];
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= length) else {
        return Fault::expected(format!("at most {length} of {length}, not {count}"));
    };
    let largest = given.attributes.int("largest", 1) != 0;
    let values = value.doubles()?;
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut shape = dims;
    shape[axis] = count;
    let total = outer * count * inner;
    let (mut found, mut places) = (vec![0.0; total], vec![0i64; total]);
    for row in 0..outer {
        for column in 0..inner {
            let get = |at: usize| values[(row * length + at) * inner + column];
            let mut order: Vec<usize> = (0..length).collect();
            order.sort_by(|a, b| {
                let by = get(*a).total_cmp(&get(*b));
                if largest { by.reverse() } else { by }
            });
            for (rank, at) in order.into_iter().take(count).enumerate() {
                let to = (row * count + rank) * inner + column;
                (found[to], places[to]) = (get(at), at as i64);
            }
        }
    }
    Ok(vec![value.like(found, &shape)?, Value::ints(places, &shape)?])
}

pub fn trilu(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let k = given.optional(1).map_or(Ok(0), Value::integer)?;
    let upper = given.attributes.int("upper", 1) != 0;
    let [.., rows, columns] = *value.dims() else {
        return Fault::expected(format!("two dimensions or more, not {:?}", value.dims()));
    };
    let kept: Vec<u8> = (0..rows as i64)
        .flat_map(|row| {
            (0..columns as i64).map(move |column| {
                let above = (column - row).cmp(&k);
                u8::from(if upper { above.is_ge() } else { above.is_le() })
            })
        })
        .collect();
    let kept = Tensor::from_vec(kept, (rows, columns), &Device::Cpu)?;
    let kept = kept.broadcast_as(value.dims())?.contiguous()?;
    let zero = number(0.0, value.element)?.broadcast_as(value.dims())?.contiguous()?;
    Ok(vec![value.moved(kept.where_cond(&value.tensor.contiguous()?, &zero)?)])
}
