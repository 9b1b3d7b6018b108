//! `Reranker` and `RerankJob`.

use crate::rerank;
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Reranker(rerank::Reranker);

#[pymethods]
impl Reranker {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| rerank::Reranker::open(&folder))?))
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

    fn start(&self, py: Python<'_>, query: &str, documents: Vec<String>) -> PyResult<RerankJob> {
        Ok(RerankJob(py.detach(|| self.0.start(query, &documents))?))
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct RerankJob(rerank::Job);

#[pymethods]
impl RerankJob {
    #[getter]
    fn tokens(&self) -> usize {
        self.0.tokens()
    }

    #[getter]
    fn truncated(&self) -> usize {
        self.0.truncated()
    }

    fn step(&mut self, py: Python<'_>) -> bool {
        py.detach(|| self.0.step())
    }

    #[pyo3(signature = (*, raw = false))]
    fn scores(&self, py: Python<'_>, raw: bool) -> Vec<f32> {
        py.detach(|| self.0.scores(raw))
    }
}
