//! `Generator`, `Generation` and `Token`.

use crate::chat::Message;
use crate::generate::{self, Finish, Request};
use crate::sampler::Sampling;
use pyo3::prelude::*;
use std::path::PathBuf;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Generator(generate::Generator);

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| generate::Generator::open(&path))?))
    }

    #[getter]
    fn context(&self) -> usize {
        self.0.context()
    }

    fn chat(&self, py: Python<'_>, messages: Vec<(String, String)>) -> PyResult<String> {
        let message = |(role, content)| Message { role, content };
        let messages: Vec<_> = messages.into_iter().map(message).collect();
        Ok(py.detach(|| self.0.chat(&messages))?)
    }

    fn tokenize(&self, py: Python<'_>, text: &str) -> PyResult<Vec<u32>> {
        Ok(py.detach(|| self.0.tokenize(text))?)
    }

    #[pyo3(signature = (
        prompt, *, max_tokens, temperature = 0.0, top_k = 0, top_p = 1.0, seed = 0, stop = vec![]
    ))]
    #[allow(clippy::too_many_arguments)]
    fn start(
        &self,
        py: Python<'_>,
        prompt: &str,
        max_tokens: usize,
        temperature: f32,
        top_k: usize,
        top_p: f32,
        seed: u64,
        stop: Vec<String>,
    ) -> PyResult<Generation> {
        let sampling = Sampling { temperature, top_k, top_p, seed };
        let request = Request { max_tokens, sampling, stop };
        Ok(Generation(py.detach(|| self.0.start(prompt, request))?))
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct Generation(generate::Generation);

#[pymethods]
impl Generation {
    #[getter]
    fn prompt_tokens(&self) -> usize {
        self.0.prompt_tokens()
    }

    #[getter]
    fn completion_tokens(&self) -> usize {
        self.0.completion_tokens()
    }

    #[getter]
    fn finish_reason(&self) -> Option<&'static str> {
        self.0.finish().map(|finish| match finish {
            Finish::Stop => "stop",
            Finish::Length => "length",
        })
    }

    fn prefill(&mut self, py: Python<'_>) -> bool {
        py.detach(|| self.0.prefill())
    }

    fn next(&mut self, py: Python<'_>) -> PyResult<Option<Token>> {
        Ok(py.detach(|| self.0.next())?.map(Token))
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Token(generate::Token);

#[pymethods]
impl Token {
    #[getter]
    fn id(&self) -> u32 {
        self.0.id
    }

    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn logprob(&self) -> f32 {
        self.0.logprob
    }

    fn __repr__(&self) -> String {
        format!("Token(id={}, text={:?}, logprob={})", self.0.id, self.0.text, self.0.logprob)
    }
}
