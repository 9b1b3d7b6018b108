//! `Detector` and `Found`.

use super::picture::Picture;
use crate::yolo::{self, Options, Task};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Detector(yolo::Detector);

#[pymethods]
impl Detector {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| yolo::Detector::open(&folder))?))
    }

    #[getter]
    fn task(&self) -> &'static str {
        match self.0.config.task {
            Task::Detect => "detect",
            Task::Segment => "segment",
            Task::Pose => "pose",
        }
    }

    #[getter]
    fn names(&self) -> Vec<String> {
        self.0.config.names.clone()
    }

    #[getter]
    fn size(&self) -> usize {
        self.0.config.size
    }

    #[pyo3(signature = (picture, *, size, confidence, iou, agnostic, most))]
    #[allow(clippy::too_many_arguments)]
    fn find(
        &self,
        py: Python<'_>,
        picture: &Picture,
        size: usize,
        confidence: f32,
        iou: f32,
        agnostic: bool,
        most: usize,
    ) -> PyResult<Found> {
        if !size.is_multiple_of(yolo::STRIDE) || !(yolo::STRIDE..=yolo::MOST_SIZE).contains(&size) {
            return Err(PyValueError::new_err("size must be a multiple of 32 up to 1280"));
        }
        let options = Options { size, confidence, iou, agnostic, most };
        Ok(Found(py.detach(|| self.0.find(&picture.0, &options))?))
    }
}

type Thing = (usize, f32, [f32; 4], Vec<[f32; 3]>);

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Found(yolo::Found);

#[pymethods]
impl Found {
    fn __len__(&self) -> usize {
        self.0.boxes.len()
    }

    fn things(&self) -> Vec<Thing> {
        let points = |i: usize| self.0.keypoints.get(i).cloned().unwrap_or_default();
        (0..self.0.boxes.len())
            .map(|i| (self.0.classes[i], self.0.scores[i], self.0.boxes[i], points(i)))
            .collect()
    }

    fn mask(&self, py: Python<'_>, i: usize, out: &Bound<'_, PyAny>) -> PyResult<()> {
        let buffer = PyBuffer::<u8>::get(out)?;
        let [height, width] = self.0.letterbox.from;
        let fits = !buffer.readonly()
            && buffer.is_c_contiguous()
            && buffer.len_bytes() == height * width
            && i < self.0.coefficients.len();
        if !fits {
            return Err(PyValueError::new_err("out must be a writable buffer of one mask's size"));
        }
        // SAFETY: writable, contiguous and of that size (checked above), kept alive by `buffer`;
        // that nobody else uses it meanwhile is the caller's promise.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(buffer.buf_ptr().cast::<u8>(), height * width)
        };
        py.detach(|| {
            bytes.fill(0);
            self.0.mask(i, bytes);
        });
        Ok(())
    }

    fn annotated<'py>(&self, py: Python<'py>, picture: &Picture) -> PyResult<Bound<'py, PyBytes>> {
        if [picture.0.height, picture.0.width] != self.0.letterbox.from {
            return Err(PyValueError::new_err("picture must be the one that was looked at"));
        }
        let png = py.detach(|| yolo::draw(&picture.0, &self.0).png())?;
        Ok(PyBytes::new(py, &png))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Detector>()?;
    module.add_class::<Found>()
}
