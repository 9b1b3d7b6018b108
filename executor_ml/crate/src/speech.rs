//! Voice activity: how probable speech is in each 32 ms of a sound, by silero's network in ONNX.
//!
//! Rules: the graph is the one that takes a sequence of windows at once, so that all of it but the
//! recurrence is computed over many windows in one product. Each window is told the end of the one
//! before; the last one is filled with silence.

use crate::audio::Going;
use crate::error::{Error, Result};
use crate::onnx::{Element, Evaluation, Graph, OnnxError, Value};
use candle_core::{Device, Tensor};
use std::path::Path;
use std::sync::Arc;

/// Samples of a window at 16 kHz.
pub const WINDOW: usize = 512;
const CONTEXT: usize = 64;
const STATE: usize = 128;
/// Windows of one evaluation: 4 seconds.
const AT_ONCE: usize = 128;

/// Why there are no probabilities.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// `Going` said no.
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Failed(#[from] OnnxError),
}

pub struct SpeechDetector(Arc<Graph>);

impl SpeechDetector {
    pub fn open(path: &Path) -> Result<Self> {
        let graph = Graph::open(path)?;
        let takes: Vec<_> = graph.inputs.iter().map(|port| (&port.name[..], port.told())).collect();
        let wanted = [("input", "576]"), ("h", "[1, 1, 128]"), ("c", "[1, 1, 128]")];
        let fits = takes.len() == wanted.len()
            && takes
                .iter()
                .zip(wanted)
                .all(|((name, dims), (known, end))| *name == known && dims.ends_with(end))
            && graph.inputs.iter().all(|port| port.element == Element::Float)
            && graph.outputs.len() == 3;
        if !fits {
            let told =
                "takes other inputs than silero's network over sequences: input [?, 576], h and c";
            return Err(Error::model(path, told));
        }
        Ok(Self(Arc::new(graph)))
    }

    /// Of each window of samples.
    pub fn probabilities(
        &self,
        samples: &[f32],
        going: Going<'_>,
    ) -> std::result::Result<Vec<f32>, SpeechError> {
        let mut found = Vec::with_capacity(samples.len().div_ceil(WINDOW));
        let (mut hidden, mut cell) = (state(vec![0.0; STATE])?, state(vec![0.0; STATE])?);
        for (number, part) in samples.chunks(WINDOW * AT_ONCE).enumerate() {
            let windows = windows(samples, number * AT_ONCE, part.len().div_ceil(WINDOW));
            let count = windows.len() / (WINDOW + CONTEXT);
            let input = value(windows, &[count, WINDOW + CONTEXT])?;
            let mut evaluation = Evaluation::of_values(self.0.clone(), vec![input, hidden, cell]);
            while evaluation.step()? {
                if !going() {
                    return Err(SpeechError::Stopped);
                }
            }
            if !going() {
                return Err(SpeechError::Stopped);
            }
            let told = evaluation.output(0)?.tensor.flatten_all().and_then(|t| t.to_vec1::<f32>());
            found.extend(told.map_err(|error| failed(&error))?);
            hidden = evaluation.output(1)?.clone();
            cell = evaluation.output(2)?.clone();
        }
        Ok(found)
    }
}

/// Windows from the one of a number on, each with the end of what comes before it.
fn windows(samples: &[f32], first: usize, count: usize) -> Vec<f32> {
    let mut windows = vec![0.0; count * (WINDOW + CONTEXT)];
    for (at, window) in windows.chunks_exact_mut(WINDOW + CONTEXT).enumerate() {
        let start = (first + at) * WINDOW;
        let before = start.min(CONTEXT);
        let end = samples.len().min(start + WINDOW);
        let heard = &samples[start - before..end];
        window[CONTEXT - before..][..heard.len()].copy_from_slice(heard);
    }
    windows
}

fn state(zeros: Vec<f32>) -> std::result::Result<Value, SpeechError> {
    value(zeros, &[1, 1, STATE])
}

fn value(values: Vec<f32>, shape: &[usize]) -> std::result::Result<Value, SpeechError> {
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu).map_err(|error| failed(&error))?;
    Ok(Value { element: Element::Float, tensor })
}

fn failed(error: &candle_core::Error) -> SpeechError {
    SpeechError::Failed(OnnxError::Node { node: "of silero".to_owned(), reason: error.to_string() })
}
