//! Convolution over any number of dimensions: windows as columns, then one product a group.

use super::super::error::Fault;
use super::super::value::{Value, room};
use super::pool::{Window, count};
use super::shape::expect_floats;
use super::{Done, Given};
use candle_core::{DType, Device, Tensor, WithDType};

pub fn conv(given: &Given<'_>) -> Done {
    let (value, weights) = (given.get(0)?, given.get(1)?);
    let element = expect_floats(value)?;
    let wrong = || {
        let told = format!(
            "a value and weights that fit, not {:?} and {:?}",
            value.dims(),
            weights.dims()
        );
        Fault::Expected(told)
    };
    let ([n, c, size @ ..], [m, each, kernel @ ..]) = (value.dims(), weights.dims()) else {
        return Err(wrong());
    };
    let groups = usize::try_from(given.attributes.int("group", 1)).unwrap_or(0);
    let fits = groups > 0
        && size.len() == kernel.len()
        && each.checked_mul(groups) == Some(*c)
        && m % groups == 0
        && weights.element == element;
    if !fits {
        return Err(wrong());
    }
    let window = Window::new(given.attributes, kernel, size)?;
    room(&[&[*n, *m], &window.out[..]].concat())?;
    let job = Job { n: *n, c: *c, m: *m, groups, size, window: &window };
    let mut tensor = match value.tensor.dtype() {
        DType::F64 => job.run::<f64>(&value.tensor, &weights.tensor)?,
        _ => job.run::<f32>(&value.tensor, &weights.tensor)?,
    };
    if let Some(bias) = given.optional(2) {
        let shape = [&[1, *m], &vec![1; size.len()][..]].concat();
        tensor = tensor.broadcast_add(&bias.tensor.reshape(shape)?)?;
    }
    Ok(vec![Value::new(element, tensor)?])
}

struct Job<'a> {
    n: usize,
    c: usize,
    m: usize,
    groups: usize,
    size: &'a [usize],
    window: &'a Window,
}

impl Job<'_> {
    fn run<T: WithDType + Default>(
        &self,
        value: &Tensor,
        weights: &Tensor,
    ) -> Result<Tensor, Fault> {
        let (window, each) = (self.window, self.c / self.groups);
        let taps: usize = window.kernel.iter().product();
        let spots: usize = window.out.iter().product();
        let plane: usize = self.size.iter().product();
        let width = each * taps;
        room(&[width, spots])?;
        let values = value.flatten_all()?.to_vec1::<T>()?;
        let weights = weights.contiguous()?.reshape((self.groups, self.m / self.groups, width))?;
        let mut images = Vec::with_capacity(self.n);
        for image in 0..self.n {
            let mut groups = Vec::with_capacity(self.groups);
            for group in 0..self.groups {
                let first = (image * self.c + group * each) * plane;
                let columns = self.columns(&values[first..][..each * plane], width, spots);
                let columns = Tensor::from_vec(columns, (width, spots), &Device::Cpu)?;
                groups.push(weights.get(group)?.matmul(&columns)?);
            }
            images.push(Tensor::cat(&groups, 0)?);
        }
        let shape = [&[self.n, self.m], &window.out[..]].concat();
        if images.is_empty() {
            return Ok(Tensor::zeros(shape, value.dtype(), &Device::Cpu)?);
        }
        Ok(Tensor::stack(&images, 0)?.reshape(shape)?)
    }

    /// A row for each channel and place in the window, a column for each place of the window.
    fn columns<T: WithDType + Default>(&self, data: &[T], width: usize, spots: usize) -> Vec<T> {
        let (window, size) = (self.window, self.size);
        let plane: usize = size.iter().product();
        let last = size.len() - 1;
        let lines = spots.checked_div(window.out[last]).unwrap_or(0);
        let mut columns = vec![T::default(); width * spots];
        let mut rows = columns.chunks_exact_mut(spots.max(1));
        for channel in data.chunks_exact(plane.max(1)) {
            count(&window.kernel, |k| {
                let Some(row) = rows.next() else { return };
                let mut line = row.chunks_exact_mut((spots / lines.max(1)).max(1));
                count(&window.out[..last], |out| {
                    let Some(line) = line.next() else { return };
                    let start = (0..last).try_fold(0, |at, d| {
                        Some(at * size[d] + window.at(d, out[d], k[d], size[d])?)
                    });
                    let Some(start) = start else { return };
                    let source = &channel[start * size[last]..][..size[last]];
                    for (at, to) in line.iter_mut().enumerate() {
                        if let Some(from) = window.at(last, at, k[last], size[last]) {
                            *to = source[from];
                        }
                    }
                });
            });
        }
        columns
    }
}
