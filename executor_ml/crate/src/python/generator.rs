//! `Generator`, `Generation` and `Token`.

use crate::chat::Message;
use crate::generate::{self, Finish, Form, PREFIX_BYTES, Request};
use crate::sampler::Sampling;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Generator(generate::Generator);

#[pymethods]
impl Generator {
    #[new]
    #[pyo3(signature = (path, *, prefix_bytes = PREFIX_BYTES))]
    fn new(py: Python<'_>, path: PathBuf, prefix_bytes: usize) -> PyResult<Self> {
        Ok(Self(py.detach(|| generate::Generator::open(&path, prefix_bytes))?))
    }

    #[getter]
    fn context(&self) -> usize {
        self.0.context()
    }

    #[pyo3(signature = (messages, extras = "{}"))]
    fn chat(
        &self,
        py: Python<'_>,
        messages: Vec<(String, String)>,
        extras: &str,
    ) -> PyResult<String> {
        let message = |(role, content)| Message { role, content };
        let messages: Vec<_> = messages.into_iter().map(message).collect();
        let extras: serde_json::Map<String, serde_json::Value> = serde_json::from_str(extras)
            .map_err(|e| PyValueError::new_err(format!("extras: {e}")))?;
        Ok(py.detach(|| self.0.chat(&messages, &extras.into()))?)
    }

    fn tokenize(&self, py: Python<'_>, text: &str) -> PyResult<Vec<u32>> {
        Ok(py.detach(|| self.0.tokenize(text))?)
    }

    fn token_text(&self, id: u32) -> String {
        self.0.token_text(id)
    }

    #[pyo3(signature = (
        prompt, *, max_tokens, complete = false, temperature = 0.0, top_k = 0, top_p = 1.0,
        min_p = 0.0, repetition_penalty = 1.0, presence_penalty = 0.0, frequency_penalty = 0.0,
        seed = 0, stop = vec![], alternatives = 0, prompt_alternatives = None, truncate = None,
        schema = None, regex = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn start(
        &self,
        py: Python<'_>,
        prompt: &str,
        max_tokens: usize,
        complete: bool,
        temperature: f32,
        top_k: usize,
        top_p: f32,
        min_p: f32,
        repetition_penalty: f32,
        presence_penalty: f32,
        frequency_penalty: f32,
        seed: u64,
        stop: Vec<String>,
        alternatives: usize,
        prompt_alternatives: Option<usize>,
        truncate: Option<usize>,
        schema: Option<String>,
        regex: Option<String>,
    ) -> PyResult<Generation> {
        let form = schema.map(Form::Schema).or(regex.map(Form::Regex));
        let sampling = Sampling {
            temperature,
            top_k,
            top_p,
            min_p,
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            seed,
        };
        let request = Request {
            max_tokens,
            sampling,
            stop,
            alternatives,
            prompt_alternatives,
            truncate,
            form,
        };
        let generation = py.detach(|| self.0.start(prompt, complete, request))?;
        Ok(Generation(Mutex::new(generation)))
    }
}

/// A token's id, its log-probability, and the likeliest tokens with theirs.
type Told = (u32, f32, Vec<(u32, f32)>);

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Generation(Mutex<generate::Generation>);

impl Generation {
    fn get<T>(&self, f: impl FnOnce(&mut generate::Generation) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[pymethods]
impl Generation {
    #[getter]
    fn prompt_tokens(&self) -> usize {
        self.get(|g| g.prompt_tokens())
    }

    #[getter]
    fn cached_tokens(&self) -> usize {
        self.get(|g| g.cached_tokens())
    }

    fn prompt_logprobs(&self, py: Python<'_>) -> Vec<Told> {
        let choices = py.detach(|| self.get(|g| g.prompt_choices()));
        choices.into_iter().map(|c| (c.id, c.logprob, c.alternatives)).collect()
    }

    #[getter]
    fn completion_tokens(&self) -> usize {
        self.get(|g| g.completion_tokens())
    }

    #[getter]
    fn finish_reason(&self) -> Option<&'static str> {
        self.get(|g| g.finish()).map(|finish| match finish {
            Finish::Stop => "stop",
            Finish::Length => "length",
        })
    }

    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let most = Duration::try_from_secs_f64(seconds)
            .map_err(|e| PyValueError::new_err(e.to_string()))?;
        Ok(py.detach(|| self.get(|g| g.wait(most))))
    }

    fn next(&self, py: Python<'_>) -> PyResult<Option<Token>> {
        Ok(py.detach(|| self.get(generate::Generation::next))?.map(Token))
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

    #[getter]
    fn alternatives(&self) -> Vec<(u32, f32)> {
        self.0.alternatives.clone()
    }

    fn __repr__(&self) -> String {
        format!("Token(id={}, text={:?}, logprob={})", self.0.id, self.0.text, self.0.logprob)
    }
}
