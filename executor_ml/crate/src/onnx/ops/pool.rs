//! Windows that move over a picture or a sound, and what is taken of each.

use super::super::attributes::Attributes;
use super::super::error::Fault;
use super::super::value::{Value, room};
use super::shape::expect_floats;
use super::{Done, Given};

/// How a window moves: one number for each dimension that it moves over.
pub struct Window {
    pub kernel: Vec<usize>,
    pub strides: Vec<usize>,
    pub dilations: Vec<usize>,
    pub before: Vec<usize>,
    pub after: Vec<usize>,
    /// How often it is taken.
    pub out: Vec<usize>,
}

impl Window {
    /// `size`: of what it moves over.
    pub fn new(told: &Attributes, kernel: &[usize], size: &[usize]) -> Result<Self, Fault> {
        let rank = kernel.len();
        if rank == 0 || kernel.contains(&0) {
            return Fault::expected(format!("a window of one dimension or more, not {kernel:?}"));
        }
        let strides = told.sizes("strides", rank, 1)?;
        let dilations = told.sizes("dilations", rank, 1)?;
        let pads = told.sizes("pads", rank * 2, 0)?;
        let (mut before, mut after) = (pads[..rank].to_vec(), pads[rank..].to_vec());
        let ceil = told.is("ceil_mode");
        let auto = told.text("auto_pad", "NOTSET");
        let mut out = Vec::with_capacity(rank);
        for at in 0..rank {
            let reach = (kernel[at] - 1) * dilations[at] + 1;
            if auto.starts_with("SAME") {
                let count = size[at].div_ceil(strides[at]);
                let wanted =
                    (count.saturating_sub(1) * strides[at] + reach).saturating_sub(size[at]);
                let (less, more) = (wanted / 2, wanted - wanted / 2);
                let (first, second) =
                    if auto == "SAME_UPPER" { (less, more) } else { (more, less) };
                (before[at], after[at]) = (first, second);
            } else if auto == "VALID" {
                (before[at], after[at]) = (0, 0);
            }
            let Some(space) = (size[at] + before[at] + after[at]).checked_sub(reach) else {
                return Fault::expected(format!("a window of {kernel:?} that fits in {size:?}"));
            };
            let mut count = space / strides[at] + 1;
            if ceil && space % strides[at] != 0 && count * strides[at] < size[at] + before[at] {
                count += 1; // one that begins in what is there
            }
            out.push(count);
        }
        Ok(Self { kernel: kernel.to_vec(), strides, dilations, before, after, out })
    }

    /// Where along a dimension a place of the window lies, if it lies in what is there.
    pub fn at(&self, d: usize, out: usize, k: usize, size: usize) -> Option<usize> {
        let at = (out * self.strides[d] + k * self.dilations[d]).checked_sub(self.before[d])?;
        (at < size).then_some(at)
    }
}

/// Count through numbers, the last fastest.
pub fn count(limits: &[usize], mut each: impl FnMut(&[usize])) {
    if limits.contains(&0) {
        return;
    }
    let mut at = vec![0; limits.len()];
    loop {
        each(&at);
        let Some(d) = (0..limits.len()).rev().find(|d| {
            at[*d] += 1;
            if at[*d] == limits[*d] {
                at[*d] = 0;
                false
            } else {
                true
            }
        }) else {
            return;
        };
        let _ = d;
    }
}

fn parts(value: &Value) -> Result<(usize, usize, &[usize]), Fault> {
    match value.dims() {
        [n, c, size @ ..] if !size.is_empty() => Ok((*n, *c, size)),
        dims => Fault::expected(format!("[batch, channels, …], not {dims:?}")),
    }
}

fn kernel(given: &Given<'_>, rank: usize) -> Result<Vec<usize>, Fault> {
    if !given.attributes.has("kernel_shape") {
        return Fault::expected("a kernel_shape");
    }
    given.attributes.sizes("kernel_shape", rank, 1)
}

pub fn max(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    let (n, c, size) = parts(value)?;
    let window = Window::new(given.attributes, &kernel(given, size.len())?, size)?;
    let shape = [&[n, c], &window.out[..]].concat();
    let total = room(&shape)?;
    let plane: usize = size.iter().product();
    let column_major = given.attributes.is("storage_order");
    let values = value.doubles()?;
    let mut found = Vec::with_capacity(total);
    let mut places = Vec::with_capacity(total);
    for channel in 0..n * c {
        let data = &values[channel * plane..][..plane];
        count(&window.out, |out| {
            let mut best: Option<(f64, usize, usize)> = None;
            count(&window.kernel, |k| {
                if let Some((at, turned)) = inside(&window, out, k, size)
                    && best.is_none_or(|(most, ..)| data[at] > most)
                {
                    best = Some((data[at], at, turned));
                }
            });
            let (most, at, turned) = best.unwrap_or((f64::NEG_INFINITY, 0, 0));
            found.push(most);
            places.push((channel * plane + if column_major { turned } else { at }) as i64);
        });
    }
    Ok(vec![value.like(found, &shape)?, Value::ints(places, &shape)?])
}

/// The place of an element, in C and in Fortran order.
fn inside(window: &Window, out: &[usize], k: &[usize], size: &[usize]) -> Option<(usize, usize)> {
    let (mut at, mut turned, mut step) = (0, 0, 1);
    for d in 0..size.len() {
        let place = window.at(d, out[d], k[d], size[d])?;
        at = at * size[d] + place;
        turned += place * step;
        step *= size[d];
    }
    Some((at, turned))
}

pub fn average(given: &Given<'_>) -> Done {
    let value = given.get(0)?;
    expect_floats(value)?;
    let (n, c, size) = parts(value)?;
    let window = Window::new(given.attributes, &kernel(given, size.len())?, size)?;
    let shape = [&[n, c], &window.out[..]].concat();
    let plane: usize = size.iter().product();
    let padding = given.attributes.is("count_include_pad");
    let values = value.doubles()?;
    let mut found = Vec::with_capacity(room(&shape)?);
    for channel in 0..n * c {
        let data = &values[channel * plane..][..plane];
        count(&window.out, |out| {
            let (mut total, mut counted) = (0.0, 0u32);
            count(&window.kernel, |k| {
                if let Some((at, _)) = inside(&window, out, k, size) {
                    total += data[at];
                    counted += 1;
                } else if padding && padded(&window, out, k, size) {
                    counted += 1;
                }
            });
            found.push(total / f64::from(counted));
        });
    }
    Ok(vec![value.like(found, &shape)?])
}

/// Whether a place lies within the padding, and not past it as ceil_mode lets it.
fn padded(window: &Window, out: &[usize], k: &[usize], size: &[usize]) -> bool {
    (0..size.len()).all(|d| {
        let at = out[d] * window.strides[d] + k[d] * window.dilations[d];
        at < size[d] + window.before[d] + window.after[d]
    })
}

fn global(
    given: &Given<'_>,
    of: fn(&candle_core::Tensor) -> candle_core::Result<candle_core::Tensor>,
) -> Done {
    let value = given.get(0)?;
    expect_floats(value)?;
    let (n, c, size) = parts(value)?;
    if size.contains(&0) {
        return Fault::expected("something to pool");
    }
    let flat = value.tensor.reshape((n, c, size.iter().product::<usize>()))?;
    let shape = [&[n, c], &vec![1; size.len()][..]].concat();
    Ok(vec![Value::new(value.element, of(&flat)?.reshape(shape)?)?])
}

pub fn global_max(given: &Given<'_>) -> Done {
    global(given, |flat| flat.max(2))
}

pub fn global_average(given: &Given<'_>) -> Done {
    global(given, |flat| flat.mean(2))
}
