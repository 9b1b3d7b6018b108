//! `Embedder` and `EmbedJob`.

use crate::embed;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Embedder(embed::Embedder);

#[pymethods]
impl Embedder {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| embed::Embedder::open(&folder))?))
    }

    #[getter]
    fn dimensions(&self) -> usize {
        self.0.dimensions()
    }

    #[getter]
    fn encoded(&self) -> (u64, u64) {
        let encoded = self.0.encoded();
        (encoded.batches, encoded.sequences)
    }

    #[getter]
    fn max_tokens(&self) -> usize {
        self.0.max_tokens()
    }

    #[pyo3(signature = (texts, *, normalize = true, truncate = true))]
    fn start(
        &self,
        py: Python<'_>,
        texts: Vec<String>,
        normalize: bool,
        truncate: bool,
    ) -> PyResult<EmbedJob> {
        Ok(EmbedJob(py.detach(|| self.0.start(&texts, normalize, truncate))?))
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct EmbedJob(embed::Job);

#[pymethods]
impl EmbedJob {
    #[getter]
    fn tokens(&self) -> usize {
        self.0.tokens()
    }

    #[getter]
    fn truncated(&self) -> usize {
        self.0.truncated()
    }

    #[getter]
    fn nbytes(&self) -> usize {
        self.0.values() * size_of::<f32>()
    }

    fn step(&mut self, py: Python<'_>, out: &Bound<'_, PyAny>) -> PyResult<bool> {
        let buffer = PyBuffer::<u8>::get(out)?;
        let size = self.nbytes();
        let pointer = buffer.buf_ptr().cast::<f32>();
        if buffer.readonly() || !buffer.is_c_contiguous() || buffer.len_bytes() != size {
            let reason = format!("out must be a writable, contiguous buffer of {size} bytes");
            return Err(PyValueError::new_err(reason));
        }
        if !pointer.is_aligned() {
            return Err(PyValueError::new_err("out must be aligned to 4 bytes"));
        }
        if size == 0 {
            return Ok(false);
        }
        // SAFETY: writable, contiguous, aligned and of that size (checked above), kept alive by
        // `buffer`; that nobody else uses it meanwhile is the caller's promise, as with any
        // buffer that is filled without the interpreter lock.
        let values = unsafe { std::slice::from_raw_parts_mut(pointer, size / size_of::<f32>()) };
        Ok(py.detach(|| self.0.step(values)))
    }
}
