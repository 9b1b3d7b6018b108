//! The arithmetic of nodes that have been checked, by Candle; what it does otherwise than NumPy
//! (powers of negative numbers, indices, half-precision) is done here.

use super::check::permutation;
use super::graph::Node;
use super::kind::{Kind, axes_of, axis_of};
use candle_core::{DType, Device, Result, Tensor, WithDType};

/// Why a node has no value.
pub enum Failure {
    /// An element is what it must not be.
    Value(String),
    Backend(candle_core::Error),
}

impl From<candle_core::Error> for Failure {
    fn from(error: candle_core::Error) -> Self {
        Self::Backend(error)
    }
}

/// The value of a node; `kind`: what it was found to come to.
pub fn apply(node: &Node, args: &[&Tensor], kind: &Kind) -> std::result::Result<Tensor, Failure> {
    let axis = || axis_of(node.axis.unwrap_or(0), args[0].rank()).map_err(Failure::Value);
    Ok(match node.op.as_str() {
        "full" => full(node.value.unwrap_or(0.0), kind)?,
        "cast" => cast(args[0], kind.dtype)?,
        "reshape" => args[0].reshape(kind.shape.as_slice())?,
        "broadcast_to" => args[0].broadcast_as(kind.shape.as_slice())?,
        "transpose" => {
            let own = Kind::new(args[0].dtype(), args[0].dims());
            args[0].permute(permutation(node, &own).map_err(Failure::Value)?)?
        }
        "slice" => slice(node, args[0], axis()?)?,
        "take" => take(args[0], args[1], axis()?)?,
        "concat" => Tensor::cat(args, axis()?)?,
        "where" => {
            let shape = kind.shape.as_slice();
            let parts = args.iter().map(|arg| arg.broadcast_as(shape)?.contiguous());
            let parts = parts.collect::<Result<Vec<_>>>()?;
            parts[0].where_cond(&parts[1], &parts[2])?
        }
        "argmax" => args[0].argmax(axis()?)?.to_dtype(DType::I64)?,
        "argmin" => args[0].argmin(axis()?)?.to_dtype(DType::I64)?,
        _ => in_single_precision(node, args, kind)?,
    })
}

/// Arithmetic: half-precision is computed in single, and rounded once.
fn in_single_precision(
    node: &Node,
    args: &[&Tensor],
    kind: &Kind,
) -> std::result::Result<Tensor, Failure> {
    let half = args.iter().any(|arg| Kind::new(arg.dtype(), arg.dims()).is_half());
    if !half {
        return Ok(arithmetic(node, args, kind)?);
    }
    let wide = args.iter().map(|arg| arg.to_dtype(DType::F32)).collect::<Result<Vec<_>>>()?;
    let wide: Vec<&Tensor> = wide.iter().collect();
    Ok(arithmetic(node, &wide, kind)?.to_dtype(kind.dtype)?)
}

fn arithmetic(node: &Node, args: &[&Tensor], kind: &Kind) -> Result<Tensor> {
    let x = args[0];
    match node.op.as_str() {
        "neg" => x.neg(),
        "exp" => x.exp(),
        "log" => x.log(),
        "sqrt" => x.sqrt(),
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tanh" => x.tanh(),
        "erf" => x.erf(),
        "gelu" => x.gelu_erf(),
        "silu" => x.silu(),
        "recip" => x.recip(),
        "floor" => x.floor(),
        "ceil" => x.ceil(),
        "round" => round(x),
        "abs" => x.abs(),
        "relu" => x.relu(),
        "sign" => x.sign(),
        "sigmoid" => (x.neg()?.exp()? + 1.0)?.recip(),
        "add" => x.broadcast_add(args[1]),
        "sub" => x.broadcast_sub(args[1]),
        "mul" => x.broadcast_mul(args[1]),
        "div" => x.broadcast_div(args[1]),
        "maximum" => x.broadcast_maximum(args[1]),
        "minimum" => x.broadcast_minimum(args[1]),
        "pow" => power(x, args[1], kind),
        "eq" => x.broadcast_eq(args[1]),
        "ne" => x.broadcast_ne(args[1]),
        "lt" => x.broadcast_lt(args[1]),
        "le" => x.broadcast_le(args[1]),
        "gt" => x.broadcast_gt(args[1]),
        "ge" => x.broadcast_ge(args[1]),
        "matmul" => x.contiguous()?.broadcast_matmul(&args[1].contiguous()?),
        "softmax" => softmax(node, x),
        "log_softmax" => log_softmax(node, x),
        _ => reduce(node, x, kind),
    }
}

fn full(value: f64, kind: &Kind) -> Result<Tensor> {
    let shape = kind.shape.as_slice();
    match kind.dtype {
        DType::I64 => Tensor::full(value as i64, shape, &Device::Cpu),
        DType::U32 => Tensor::full(value as u32, shape, &Device::Cpu),
        DType::U8 => Tensor::full(value as u8, shape, &Device::Cpu),
        DType::F64 => Tensor::full(value, shape, &Device::Cpu),
        dtype => Tensor::full(value as f32, shape, &Device::Cpu)?.to_dtype(dtype),
    }
}

fn cast(x: &Tensor, dtype: DType) -> Result<Tensor> {
    x.to_dtype(dtype)
}

/// Halves to the even neighbour, as NumPy and PyTorch have it.
fn round(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::F64 => each::<f64>(x, f64::round_ties_even),
        _ => each::<f32>(x, f32::round_ties_even),
    }
}

fn each<T: WithDType>(x: &Tensor, f: impl Fn(T) -> T) -> Result<Tensor> {
    let values: Vec<T> = x.flatten_all()?.to_vec1::<T>()?.into_iter().map(f).collect();
    Tensor::from_vec(values, x.dims(), &Device::Cpu)
}

fn power(x: &Tensor, exponent: &Tensor, kind: &Kind) -> Result<Tensor> {
    let shape = kind.shape.as_slice();
    let (x, exponent) = (x.broadcast_as(shape)?, exponent.broadcast_as(shape)?);
    match x.dtype() {
        DType::F64 => both::<f64>(&x, &exponent, f64::powf),
        _ => both::<f32>(&x, &exponent, f32::powf),
    }
}

fn both<T: WithDType>(x: &Tensor, y: &Tensor, f: impl Fn(T, T) -> T) -> Result<Tensor> {
    let left = x.flatten_all()?.to_vec1::<T>()?;
    let right = y.flatten_all()?.to_vec1::<T>()?;
    let values: Vec<T> = left.into_iter().zip(right).map(|(a, b)| f(a, b)).collect();
    Tensor::from_vec(values, x.dims(), &Device::Cpu)
}

fn softmax(node: &Node, x: &Tensor) -> Result<Tensor> {
    let axis = place(node, x)?;
    let powers = x.broadcast_sub(&x.max_keepdim(axis)?)?.exp()?;
    powers.broadcast_div(&powers.sum_keepdim(axis)?)
}

fn log_softmax(node: &Node, x: &Tensor) -> Result<Tensor> {
    let axis = place(node, x)?;
    let below = x.broadcast_sub(&x.max_keepdim(axis)?)?;
    below.broadcast_sub(&below.exp()?.sum_keepdim(axis)?.log()?)
}

fn place(node: &Node, x: &Tensor) -> Result<usize> {
    axis_of(node.axis.unwrap_or(-1), x.rank()).map_err(candle_core::Error::Msg)
}

fn reduce(node: &Node, x: &Tensor, kind: &Kind) -> Result<Tensor> {
    let axes = axes_of(node.axes.as_deref(), x.rank()).map_err(candle_core::Error::Msg)?;
    let mut value = x.clone();
    for axis in axes {
        value = match node.op.as_str() {
            "sum" => value.sum_keepdim(axis)?,
            "mean" => value.mean_keepdim(axis)?,
            "max" => value.max_keepdim(axis)?,
            "min" => value.min_keepdim(axis)?,
            op => return Err(candle_core::Error::Msg(format!("no operation {op}"))),
        };
    }
    value.reshape(kind.shape.as_slice())
}

fn slice(node: &Node, x: &Tensor, axis: usize) -> Result<Tensor> {
    let (start, step) = (node.start.unwrap_or(0), node.step.unwrap_or(1));
    let length = node.length.unwrap_or(0);
    if step == 1 || length == 0 {
        return x.narrow(axis, if length == 0 { 0 } else { start }, length);
    }
    let places: Vec<i64> = (0..length as i64).map(|n| start as i64 + n * step).collect();
    x.contiguous()?.index_select(&Tensor::new(places, &Device::Cpu)?, axis)
}

/// Negative indices count from the end; one out of range is the caller's mistake.
fn take(x: &Tensor, indices: &Tensor, axis: usize) -> std::result::Result<Tensor, Failure> {
    let size = x.dims()[axis] as i64;
    let mut places = indices.to_dtype(DType::I64)?.to_vec1::<i64>()?;
    for place in &mut places {
        if *place < -size || *place >= size {
            return Err(Failure::Value(format!("index {place} of {size}")));
        }
        *place += if *place < 0 { size } else { 0 };
    }
    Ok(x.contiguous()?.index_select(&Tensor::new(places, &Device::Cpu)?, axis)?)
}

/// Write the elements, in C order.
pub fn write(x: &Tensor, out: &mut [u8]) -> Result<()> {
    let flat = x.flatten_all()?;
    match x.dtype() {
        DType::U8 => copy(&flat.to_vec1::<u8>()?, out, |v| v.to_le_bytes()),
        DType::U32 => copy(&flat.to_vec1::<u32>()?, out, |v| v.to_le_bytes()),
        DType::I64 => copy(&flat.to_vec1::<i64>()?, out, |v| v.to_le_bytes()),
        DType::F16 => copy(&flat.to_vec1::<half::f16>()?, out, |v| v.to_le_bytes()),
        DType::BF16 => copy(&flat.to_vec1::<half::bf16>()?, out, |v| v.to_le_bytes()),
        DType::F32 => copy(&flat.to_vec1::<f32>()?, out, |v| v.to_le_bytes()),
        DType::F64 => copy(&flat.to_vec1::<f64>()?, out, |v| v.to_le_bytes()),
        dtype => return Err(candle_core::Error::Msg(format!("no bytes of {dtype:?}"))),
    }
    Ok(())
}

fn copy<T, const N: usize>(values: &[T], out: &mut [u8], bytes: impl Fn(&T) -> [u8; N]) {
    for (value, place) in values.iter().zip(out.chunks_exact_mut(N)) {
        place.copy_from_slice(&bytes(value));
    }
}
