//! Of two or more values, broadcast.

use super::super::element::Element;
use super::super::error::Fault;
use super::super::value::{Value, room};
use super::{Done, Given};
use candle_core::{DType, Device, Tensor};

/// The common shape of values.
pub fn broadcast(shapes: &[&[usize]]) -> Result<Vec<usize>, Fault> {
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut common = vec![1; rank];
    for dims in shapes {
        for (n, at) in dims.iter().zip(rank - dims.len()..) {
            if *n != 1 {
                if common[at] != 1 && common[at] != *n {
                    return Fault::expected(format!("shapes that broadcast, not {shapes:?}"));
                }
                common[at] = *n;
            }
        }
    }
    room(&common)?;
    Ok(common)
}

/// Two values of one type, as they are held.
pub fn pair<'a>(given: &'a Given<'_>) -> Result<(&'a Value, &'a Value), Fault> {
    let (a, b) = (given.get(0)?, given.get(1)?);
    if a.element != b.element {
        let told = format!("two of one type, not {} and {}", a.element.name(), b.element.name());
        return Fault::expected(told);
    }
    broadcast(&[a.dims(), b.dims()])?;
    Ok((a, b))
}

type Join = fn(&Tensor, &Tensor) -> candle_core::Result<Tensor>;

fn joined(given: &Given<'_>, join: Join) -> Done {
    let (a, b) = pair(given)?;
    Ok(vec![Value::new(a.element, join(&a.tensor, &b.tensor)?)?])
}

pub fn add(given: &Given<'_>) -> Done {
    joined(given, Tensor::broadcast_add)
}

pub fn sub(given: &Given<'_>) -> Done {
    joined(given, Tensor::broadcast_sub)
}

pub fn mul(given: &Given<'_>) -> Done {
    joined(given, Tensor::broadcast_mul)
}

pub fn div(given: &Given<'_>) -> Done {
    let (a, b) = pair(given)?;
    if a.element.is_float() {
        return joined(given, Tensor::broadcast_div);
    }
    integers(a, b, "a divisor that is not 0", i64::checked_div)
}

fn integers(a: &Value, b: &Value, wants: &str, join: fn(i64, i64) -> Option<i64>) -> Done {
    let shape = broadcast(&[a.dims(), b.dims()])?;
    let left = spread(a, &shape, DType::I64)?.to_vec1::<i64>()?;
    let right = spread(b, &shape, DType::I64)?.to_vec1::<i64>()?;
    let values: Option<Vec<i64>> = left.iter().zip(right).map(|(x, y)| join(*x, y)).collect();
    let values = values.ok_or_else(|| Fault::Expected(wants.to_owned()))?;
    Ok(vec![Value::new(a.element, Tensor::from_vec(values, shape, &Device::Cpu)?)?])
}

/// All its elements in the order of a shape that it broadcasts to.
fn spread(value: &Value, shape: &[usize], dtype: DType) -> Result<Tensor, Fault> {
    Ok(value.tensor.to_dtype(dtype)?.broadcast_as(shape)?.flatten_all()?)
}

fn floats(a: &Value, b: &Value, join: impl Fn(f64, f64) -> f64) -> Done {
    let shape = broadcast(&[a.dims(), b.dims()])?;
    let left = spread(a, &shape, DType::F64)?.to_vec1::<f64>()?;
    let right = spread(b, &shape, DType::F64)?.to_vec1::<f64>()?;
    let values = left.iter().zip(right).map(|(x, y)| join(*x, y)).collect();
    Ok(vec![a.like(values, &shape)?])
}

pub fn modulo(given: &Given<'_>) -> Done {
    let (a, b) = pair(given)?;
    if a.element.is_float() {
        if given.attributes.is("fmod") || given.opset < 28 {
            return floats(a, b, |x, y| x % y);
        }
        return floats(a, b, |x, y| {
            let rest = x % y;
            let other = rest != 0.0 && (rest < 0.0) != (y < 0.0);
            if other { rest + y } else { rest.abs().copysign(if rest == 0.0 { y } else { rest }) }
        });
    }
    let wants = "a divisor that is not 0";
    if given.attributes.is("fmod") {
        return integers(a, b, wants, i64::checked_rem);
    }
    // The sign is the divisor's.
    integers(a, b, wants, |x, y| {
        let rest = x.checked_rem(y)?;
        Some(if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest })
    })
}

pub fn pow(given: &Given<'_>) -> Done {
    let (a, b) = (given.get(0)?, given.get(1)?);
    if a.element.is_float() && b.tensor.elem_count() == 1 && b.dims().len() <= a.dims().len() {
        let power = b.doubles()?[0];
        let tensor = if power == 2.0 { a.tensor.sqr()? } else { a.tensor.powf(power)? };
        return Ok(vec![Value::new(a.element, tensor)?]);
    }
    if a.element.is_float() || b.element.is_float() {
        return floats(a, b, f64::powf);
    }
    let wants = "a power from 0 whose result fits";
    integers(a, b, wants, |x, y| x.checked_pow(u32::try_from(y).ok()?))
}

pub fn prelu(given: &Given<'_>) -> Done {
    let (a, b) = pair(given)?;
    floats(a, b, |x, slope| if x < 0.0 { x * slope } else { x })
}

/// Of any number of values.
fn folded(given: &Given<'_>, join: Join) -> Result<(Value, usize), Fault> {
    let all = given.all()?;
    let shapes: Vec<&[usize]> = all.iter().map(|value| value.dims()).collect();
    broadcast(&shapes)?;
    let mut tensor = all[0].tensor.clone();
    for value in &all[1..] {
        if value.element != all[0].element {
            return Fault::expected("values of one type");
        }
        tensor = join(&tensor, &value.tensor)?;
    }
    Ok((Value::new(all[0].element, tensor)?, all.len()))
}

pub fn max(given: &Given<'_>) -> Done {
    Ok(vec![folded(given, Tensor::broadcast_maximum)?.0])
}

pub fn min(given: &Given<'_>) -> Done {
    Ok(vec![folded(given, Tensor::broadcast_minimum)?.0])
}

pub fn sum(given: &Given<'_>) -> Done {
    Ok(vec![folded(given, Tensor::broadcast_add)?.0])
}

pub fn mean(given: &Given<'_>) -> Done {
    let (total, count) = folded(given, Tensor::broadcast_add)?;
    if !total.element.is_float() {
        return Fault::expected("floats");
    }
    Ok(vec![Value::new(total.element, (total.tensor / count as f64)?)?])
}

pub fn clip(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let bound = |index: usize, name: &str| -> Result<Option<Tensor>, Fault> {
        let told = match given.optional(index) {
            Some(bound) if bound.element != value.element => {
                return Fault::expected(format!("{name} of the type {}", value.element.name()));
            }
            Some(bound) => Some(bound.tensor.clone()),
            None => match given.attributes.optional_float(name) {
                Some(bound) => Some(Tensor::new(bound, &Device::Cpu)?),
                None => None,
            },
        };
        let told = told.map(|bound| bound.to_dtype(value.element.held())?.flatten_all());
        match told.transpose()? {
            Some(bound) if bound.elem_count() != 1 => {
                Fault::expected(format!("{name}: one number"))
            }
            Some(bound) => Ok(Some(bound.reshape(())?)),
            None => Ok(None),
        }
    };
    let mut tensor = value.tensor.clone();
    if let Some(low) = bound(1, "min")? {
        tensor = tensor.broadcast_maximum(&low)?;
    }
    if let Some(high) = bound(2, "max")? {
        tensor = tensor.broadcast_minimum(&high)?;
    }
    Ok(vec![Value::new(value.element, tensor)?])
}

/// A tensor of one number, of the type of another's elements.
pub fn number(value: f64, element: Element) -> Result<Tensor, Fault> {
    Ok(Tensor::new(value, &Device::Cpu)?.to_dtype(element.held())?)
}
