//! `Sam`, `Embedded` and `Masks`.

use super::picture::Picture;
use super::transcriber::asking;
use crate::vision::{self, Prompt};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Sam(vision::Sam);

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Embedded(vision::Embedded);

#[pymethods]
impl Sam {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| vision::Sam::open(&folder))?))
    }

    fn embed(&self, py: Python<'_>, picture: &Picture, going: Py<PyAny>) -> PyResult<Embedded> {
        let ask = asking(&going);
        let from = (picture.0.height, picture.0.width);
        py.detach(|| {
            let prepared = self.0.prepare(&picture.0)?;
            Ok(Embedded(self.0.embed(&prepared, from, &ask)?))
        })
    }

    #[pyo3(signature = (picture, going, *, points, labels, area = None, one = false))]
    #[allow(clippy::too_many_arguments)]
    fn masks(
        &self,
        py: Python<'_>,
        picture: &Embedded,
        going: Py<PyAny>,
        points: Vec<[f64; 2]>,
        labels: Vec<bool>,
        area: Option<[f64; 4]>,
        one: bool,
    ) -> PyResult<Masks> {
        if points.len() != labels.len() || (points.is_empty() && area.is_none()) {
            return Err(PyValueError::new_err("a label for each point, and a point or an area"));
        }
        let prompt = Prompt { points: points.into_iter().zip(labels).collect(), area };
        let ask = asking(&going);
        Ok(Masks(py.detach(|| self.0.masks(&picture.0, &prompt, one, &ask))?))
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Masks(vision::Masks);

#[pymethods]
impl Masks {
    #[getter]
    fn scores(&self) -> Vec<f32> {
        self.0.scores.clone()
    }

    fn write(&self, py: Python<'_>, i: usize, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let buffer = PyBuffer::<u8>::get(out)?;
        let (height, width) = self.0.from;
        let fits = !buffer.readonly()
            && buffer.is_c_contiguous()
            && buffer.len_bytes() == height * width
            && i < self.0.scores.len();
        if !fits {
            return Err(PyValueError::new_err("out must be a writable buffer of one mask's size"));
        }
        // SAFETY: writable, contiguous and of that size (checked above), kept alive by `buffer`;
        // that nobody else uses it meanwhile is the caller's promise.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(buffer.buf_ptr().cast::<u8>(), height * width)
        };
        py.detach(|| self.0.write(i, bytes));
        Ok(())
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Sam>()?;
    module.add_class::<Embedded>()?;
    module.add_class::<Masks>()
}
