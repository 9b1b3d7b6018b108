//! `Blip`.

use super::transcriber::asking;
use super::vision::{Prepared, prepared};
use crate::vision::{self, TextRequest};
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Blip(vision::Blip);

#[pymethods]
impl Blip {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| vision::Blip::open(&folder))?))
    }

    #[getter]
    fn answers(&self) -> bool {
        self.0.answers()
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

    #[pyo3(signature = (
        picture, going, told, *, text = None, max_tokens = 20, beams = 1, length_penalty = 1.0,
        early_stopping = false,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn say(
        &self,
        py: Python<'_>,
        picture: &Prepared,
        going: Py<PyAny>,
        told: Py<PyAny>,
        text: Option<String>,
        max_tokens: usize,
        beams: usize,
        length_penalty: f32,
        early_stopping: bool,
    ) -> PyResult<(String, usize, bool)> {
        let request = TextRequest { text, max_tokens, beams, length_penalty, early_stopping };
        let ask = asking(&going);
        // What Python raises ends nothing: a token that nobody heard of is in the text all the same.
        let mut tell = |id: u32, piece: &str, logprob: Option<f32>| {
            Python::attach(|py| drop(told.call1(py, (id, piece, logprob))));
        };
        let said = py.detach(|| self.0.say(&picture.0, &request, &ask, &mut tell))?;
        Ok((said.text, said.tokens.len(), said.whole))
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Blip>()
}
