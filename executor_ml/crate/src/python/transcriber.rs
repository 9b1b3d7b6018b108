//! `Sound`, `Transcriber` and `Transcription`.

use crate::audio::{self, SoundError};
use crate::error::Error;
use crate::whisper::{self, Halt, Request, Task};
use pyo3::buffer::PyBuffer;
use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::path::PathBuf;

create_exception!(edgemesh_candle, SoundExpected, super::exceptions::CandleError);
create_exception!(edgemesh_candle, Interrupted, super::exceptions::CandleError);

/// Samples that are read before the caller is asked whether to go on.
const PIECE: usize = 1 << 20;

impl From<SoundError> for PyErr {
    fn from(error: SoundError) -> Self {
        match error {
            SoundError::Stopped => Interrupted::new_err("stopped"),
            SoundError::Expected(expected) => Python::attach(|py| {
                let exception = SoundExpected::new_err(expected.clone());
                exception.value(py).setattr("expected", expected)?;
                Ok(exception)
            })
            .unwrap_or_else(|failure: PyErr| failure),
        }
    }
}

impl From<Halt> for PyErr {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stopped => Interrupted::new_err("stopped"),
            Halt::Failed(error) => Error::into(error),
        }
    }
}

/// What Python says of whether to go on; no where it raises.
pub fn asking(going: &Py<PyAny>) -> impl Fn() -> bool + Sync + '_ {
    move || Python::attach(|py| going.call0(py).and_then(|yes| yes.extract(py)).unwrap_or(false))
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Sound(pub(super) audio::Sound);

#[pymethods]
impl Sound {
    #[staticmethod]
    fn decode(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        most_seconds: f64,
        going: Py<PyAny>,
    ) -> PyResult<Self> {
        let bytes = PyBuffer::<u8>::get(data)?.to_vec(py)?;
        Ok(Self(py.detach(|| audio::decode(bytes, most_seconds, &asking(&going)))?))
    }

    /// `data`: bytes of interleaved samples, of `dtype` "float32" or "int16".
    #[staticmethod]
    fn of_samples(
        py: Python<'_>,
        data: &Bound<'_, PyAny>,
        dtype: &str,
        channels: usize,
        rate: usize,
        most_seconds: f64,
        going: Py<PyAny>,
    ) -> PyResult<Self> {
        let read: fn(&[u8]) -> f32 = match dtype {
            "float32" => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
            "int16" => |b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
            _ => return Err(PyValueError::new_err("an unknown dtype")),
        };
        let size = if dtype == "int16" { 2 } else { 4 };
        let bytes = PyBuffer::<u8>::get(data)?.to_vec(py)?;
        if channels == 0 || !bytes.len().is_multiple_of(size * channels) {
            return Err(PyValueError::new_err("no whole number of frames"));
        }
        let mut pieces = bytes.chunks(PIECE / channels * channels * size);
        let mut next = |out: &mut Vec<f32>| {
            out.extend(pieces.next().unwrap_or_default().chunks_exact(size).map(read));
        };
        let ask = asking(&going);
        let sound =
            py.detach(|| audio::from_samples(&mut next, channels, rate, most_seconds, &ask));
        Ok(Self(sound?))
    }

    #[getter]
    fn seconds(&self) -> f64 {
        self.0.seconds()
    }

    #[getter]
    fn samples(&self) -> usize {
        self.0.0.len()
    }

    /// What lies between pairs of samples, one after another.
    fn kept(&self, py: Python<'_>, spans: Vec<(usize, usize)>) -> PyResult<Self> {
        let part = |(start, end): (usize, usize)| self.0.0.get(start..end);
        let parts: Option<Vec<_>> = spans.into_iter().map(part).collect();
        let parts = parts.ok_or_else(|| PyValueError::new_err("no such samples"))?;
        Ok(Self(py.detach(|| audio::Sound(parts.concat()))))
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Transcriber(whisper::Transcriber);

#[pymethods]
impl Transcriber {
    #[new]
    fn new(py: Python<'_>, folder: PathBuf) -> PyResult<Self> {
        Ok(Self(py.detach(|| whisper::Transcriber::open(&folder))?))
    }

    #[getter]
    fn languages(&self) -> Vec<String> {
        self.0.model().vocabulary.languages().map(str::to_owned).collect()
    }

    fn warm_up(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.0.warm_up())?)
    }

    #[pyo3(signature = (
        sound, going, *, language = None, translate = None, timestamps = true, words = false,
        prompt = None, condition = true, seed = 0,
    ))]
    #[allow(clippy::too_many_arguments)]
    fn start(
        &self,
        py: Python<'_>,
        sound: &Sound,
        going: Py<PyAny>,
        language: Option<String>,
        translate: Option<bool>,
        timestamps: bool,
        words: bool,
        prompt: Option<String>,
        condition: bool,
        seed: u64,
    ) -> PyResult<Transcription> {
        let task = translate.map(|yes| if yes { Task::Translate } else { Task::Transcribe });
        let request = Request { language, task, timestamps, words, prompt, condition, seed };
        let ask = asking(&going);
        Ok(Transcription(py.detach(|| self.0.start(&sound.0, request, &ask))?))
    }
}

#[pyclass(module = "edgemesh_candle")]
pub struct Transcription(whisper::Transcription);

#[pymethods]
impl Transcription {
    #[getter]
    fn language(&self) -> Option<String> {
        self.0.language().map(str::to_owned)
    }

    #[getter]
    fn fraction(&self) -> f64 {
        self.0.fraction()
    }

    fn listen(&mut self, py: Python<'_>, going: Py<PyAny>) -> PyResult<bool> {
        Ok(py.detach(|| self.0.listen(&asking(&going)))?)
    }

    fn attempt(&mut self, py: Python<'_>, temperature: f32, going: Py<PyAny>) -> PyResult<Attempt> {
        if !self.0.heard() {
            return Err(PyRuntimeError::new_err("no window was heard"));
        }
        Ok(Attempt(py.detach(|| self.0.attempt(temperature, &asking(&going)).cloned())?))
    }

    fn keep(&mut self, py: Python<'_>, going: Py<PyAny>) -> PyResult<Vec<Segment>> {
        if !self.0.attempted() {
            return Err(PyRuntimeError::new_err("no attempt was made"));
        }
        let kept = py.detach(|| self.0.keep(&asking(&going)))?;
        Ok(kept.into_iter().map(Segment).collect())
    }

    fn skip(&mut self) {
        self.0.skip();
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Attempt(whisper::Attempt);

#[pymethods]
impl Attempt {
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn avg_logprob(&self) -> f32 {
        self.0.avg_logprob
    }

    #[getter]
    fn no_speech_prob(&self) -> f32 {
        self.0.no_speech_prob
    }
}

#[pyclass(frozen, module = "edgemesh_candle")]
pub struct Segment(whisper::Segment);

#[pymethods]
impl Segment {
    #[getter]
    fn start(&self) -> f64 {
        self.0.start
    }

    #[getter]
    fn end(&self) -> f64 {
        self.0.end
    }

    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }

    #[getter]
    fn tokens(&self) -> Vec<u32> {
        self.0.tokens.clone()
    }

    #[getter]
    fn pieces(&self) -> Vec<(u32, String, f32)> {
        self.0.pieces.clone()
    }

    #[getter]
    fn words(&self) -> Vec<(String, f64, f64, f32)> {
        let words = self.0.words.iter();
        words.map(|w| (w.text.clone(), w.start, w.end, w.probability)).collect()
    }
}

pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("SoundExpected", module.py().get_type::<SoundExpected>())?;
    module.add("Interrupted", module.py().get_type::<Interrupted>())?;
    module.add_class::<Sound>()?;
    module.add_class::<Transcriber>()?;
    module.add_class::<Transcription>()?;
    module.add_class::<Attempt>()?;
    module.add_class::<Segment>()
}
