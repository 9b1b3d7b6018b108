//! `Picture`, and what reads one from a caller's bytes.

use crate::picture::{self, BadPicture};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(edgemesh_candle, PictureError, super::exceptions::CandleError);

impl From<BadPicture> for PyErr {
    fn from(error: BadPicture) -> Self {
        let BadPicture(expected) = error;
        Python::attach(|py| {
            let exception = PictureError::new_err(expected.clone());
            exception.value(py).setattr("expected", expected)?;
            Ok(exception)
        })
        .unwrap_or_else(|failure: PyErr| failure)
    }
}

/// A file's bytes, or rows of RGB where `size` says how many.
pub fn read(
    data: Vec<u8>,
    size: Option<(usize, usize)>,
    most_pixels: u64,
) -> PyResult<picture::Picture> {
    match size {
        None => Ok(picture::Picture::decode(&data, most_pixels)?),
        Some((height, width)) => picture::Picture::of_rgb(data, height, width)
            .ok_or_else(|| PyValueError::new_err("size must be that of data, in rows of RGB")),
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Picture(pub picture::Picture);

#[pymethods]
impl Picture {
    #[new]
    #[pyo3(signature = (data, size = None, *, most_pixels))]
    fn new(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        size: Option<(usize, usize)>,
        most_pixels: u64,
    ) -> PyResult<Self> {
        let data = PyBuffer::<u8>::get(data)?.to_vec(py)?;
        py.detach(|| Ok(Self(read(data, size, most_pixels)?)))
    }

    #[getter]
    fn size(&self) -> (usize, usize) {
        (self.0.height, self.0.width)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("PictureError", module.py().get_type::<PictureError>())?;
    module.add_class::<Picture>()
}
