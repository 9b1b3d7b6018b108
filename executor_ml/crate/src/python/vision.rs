//! `Classifier`, `ImageText` and the pictures that they have prepared.

use super::picture::read;
use crate::picture;
use crate::vision;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;

/// A picture as one model reads it.
#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Prepared(pub picture::Prepared);

#[pymethods]
impl Prepared {
    #[getter]
    fn size(&self) -> (usize, usize) {
        (self.0.height, self.0.width)
    }

    #[getter]
    fn values<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.values)
    }
}

/// What a model's preparation makes of a picture, as `read` takes it.
pub fn prepared(
    py: Python<'_>,
    data: &Bound<'_, PyAny>,
    size: Option<(usize, usize)>,
    most_pixels: u64,
    prepare: impl Fn(&picture::Picture) -> Result<picture::Prepared, picture::BadPicture> + Sync,
) -> PyResult<Prepared> {
    let data = PyBuffer::<u8>::get(data)?.to_vec(py)?;
    py.detach(|| Ok(Prepared(prepare(&read(data, size, most_pixels)?)?)))
}

fn bytes<'py>(py: Python<'py>, values: &[f32]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    PyBytes::new(py, &bytes)
}

fn floats(data: &[u8], row: usize) -> PyResult<Vec<f32>> {
    match data.len().is_multiple_of(row * size_of::<f32>()) {
        true => Ok(data
            .chunks_exact(size_of::<f32>())
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()),
        false => Err(PyValueError::new_err(format!("embeddings must be rows of {row} floats"))),
    }
}

type Both<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>);

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Classifier(vision::Classifier);

#[pymethods]
impl Classifier {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| vision::Classifier::open(&folder))?))
    }

    #[getter]
    fn labels(&self) -> Vec<String> {
        self.0.labels().to_vec()
    }

    #[getter]
    fn dimensions(&self) -> usize {
        self.0.features()
    }

    #[pyo3(signature = (data, size = None, *, most_pixels))]
    fn prepare(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        size: Option<(usize, usize)>,
        most_pixels: u64,
    ) -> PyResult<Prepared> {
        prepared(py, data, size, most_pixels, |picture| self.0.prepare(picture))
    }

    fn classify<'py>(&self, py: Python<'py>, pictures: Vec<PyRef<'py, Prepared>>) -> Both<'py> {
        let pictures: Vec<&picture::Prepared> = pictures.iter().map(|p| &p.0).collect();
        let (scores, features) = py.detach(|| self.0.scores(&pictures));
        (bytes(py, &scores), bytes(py, &features))
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct ImageText(vision::Pair);

#[pymethods]
impl ImageText {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| vision::Pair::open(&folder))?))
    }

    #[getter]
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }

    #[pyo3(signature = (data, size = None, *, most_pixels))]
    fn prepare(
        &self,
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        size: Option<(usize, usize)>,
        most_pixels: u64,
    ) -> PyResult<Prepared> {
        prepared(py, data, size, most_pixels, |picture| self.0.prepare(picture))
    }

    fn tokenize(&self, py: Python<'_>, text: &str) -> PyResult<(Vec<u32>, bool)> {
        Ok(py.detach(|| self.0.tokenize(text))?)
    }

    fn embed_pictures<'py>(
        &self,
        py: Python<'py>,
        pictures: Vec<PyRef<'py, Prepared>>,
    ) -> Bound<'py, PyBytes> {
        let pictures: Vec<&picture::Prepared> = pictures.iter().map(|p| &p.0).collect();
        let out = py.detach(|| self.0.pictures(&pictures));
        bytes(py, &out)
    }

    fn embed_texts<'py>(&self, py: Python<'py>, texts: Vec<Vec<u32>>) -> Bound<'py, PyBytes> {
        let out = py.detach(|| self.0.texts(&texts));
        bytes(py, &out)
    }

    fn scores<'py>(
        &self,
        py: Python<'py>,
        pictures: &[u8],
        texts: &[u8],
    ) -> PyResult<Bound<'py, PyBytes>> {
        let row = self.0.dimensions();
        let (pictures, texts) = (floats(pictures, row)?, floats(texts, row)?);
        let out = py.detach(|| self.0.scores(&pictures, &texts));
        Ok(bytes(py, &out))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Prepared>()?;
    module.add_class::<Classifier>()?;
    module.add_class::<ImageText>()
}
