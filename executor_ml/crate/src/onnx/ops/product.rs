//! Products of matrices.

use super::super::error::Fault;
use super::super::value::{Value, room};
use super::arithmetic::{broadcast, pair};
use super::shape::expect_floats;
use super::{Done, Given};
use candle_core::Tensor;

pub fn matmul(given: &Given<'_>) -> Done {
    let (a, b) = (given.get(0)?, given.get(1)?);
    let element = expect_floats(a)?;
    if b.element != element {
        return Fault::expected(format!("two of {}, not {}", element.name(), b.element.name()));
    }
    let (mut left, mut right) = (a.tensor.clone(), b.tensor.clone());
    let (row, column) = (left.dims().len() == 1, right.dims().len() == 1);
    if row {
        left = left.unsqueeze(0)?;
    }
    if column {
        right = right.unsqueeze(1)?;
    }
    let wrong =
        || Fault::Expected(format!("matrices that fit, not {:?} and {:?}", a.dims(), b.dims()));
    let ([front @ .., m, k], [other @ .., l, n]) = (left.dims(), right.dims()) else {
        return Err(wrong());
    };
    if k != l {
        return Err(wrong());
    }
    let batch = broadcast(&[front, other])?;
    let shape = [&batch[..], &[*m, *n]].concat();
    room(&shape)?;
    let product = if other.is_empty() {
        // One matrix for all: its rows are those of one.
        let rows: usize = front.iter().product::<usize>() * m;
        left.contiguous()?.reshape((rows, *k))?.matmul(&right.contiguous()?)?.reshape(&shape[..])?
    } else {
        let left_shape = [&batch[..], &[*m, *k]].concat();
        let right_shape = [&batch[..], &[*l, *n]].concat();
        let left = left.broadcast_as(left_shape)?.contiguous()?;
        left.matmul(&right.broadcast_as(right_shape)?.contiguous()?)?
    };
    let mut dims = shape;
    if column {
        dims.pop();
    }
    if row {
        dims.remove(batch.len());
    }
    Ok(vec![Value::new(element, product.reshape(dims)?)?])
}

pub fn gemm(given: &Given<'_>) -> Done {
    let (a, b) = (given.get(0)?, given.get(1)?);
    if a.element != b.element {
        pair(given)?;
    }
    let element = expect_floats(a)?;
    let told = given.attributes;
    if a.dims().len() != 2 || b.dims().len() != 2 {
        return Fault::expected(format!("two matrices, not {:?} and {:?}", a.dims(), b.dims()));
    }
    let turned = |tensor: &Tensor, yes: bool| {
        if yes { tensor.t()?.contiguous() } else { tensor.contiguous() }
    };
    let left = turned(&a.tensor, told.is("transA"))?;
    let mut product = left.matmul(&turned(&b.tensor, told.is("transB"))?)?;
    let (alpha, beta) = (told.float("alpha", 1.0), told.float("beta", 1.0));
    if alpha != 1.0 {
        product = (product * alpha)?;
    }
    if let Some(c) = given.optional(2) {
        let c = if beta == 1.0 { c.tensor.clone() } else { (&c.tensor * beta)? };
        product = product.broadcast_add(&c)?;
    }
    Ok(vec![Value::new(element, product)?])
}
