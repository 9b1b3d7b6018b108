//! `SpeechDetector`.

use super::transcriber::{Interrupted, Sound, asking};
use crate::speech::{self, SpeechError};
use pyo3::prelude::*;
use std::path::PathBuf;

impl From<SpeechError> for PyErr {
    fn from(error: SpeechError) -> Self {
        match error {
            SpeechError::Stopped => Interrupted::new_err("stopped"),
            SpeechError::Failed(error) => error.into(),
        }
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct SpeechDetector(speech::SpeechDetector);

#[pymethods]
impl SpeechDetector {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| speech::SpeechDetector::open(&path))?))
    }

    fn probabilities(&self, py: Python<'_>, sound: &Sound, going: Py<PyAny>) -> PyResult<Vec<f32>> {
        Ok(py.detach(|| self.0.probabilities(&sound.0.0, &asking(&going)))?)
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SpeechDetector>()
}
