//! One text as its caller sees it: tokens arrive as the engine computes them.

use super::engine::Engine;
use crate::error::{Error, Result};
use crate::sampler::Choice;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Why a generation ended: at an end token or a stop string, or at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Stop,
    Length,
}

/// A generated token, and the text it completes (often empty: see `detokenize` and `stop`).
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub id: u32,
    pub text: String,
    pub logprob: f32,
    /// The likeliest tokens in its place with their log-probabilities, if they were asked for.
    pub alternatives: Vec<(u32, f32)>,
}

/// What the engine sends: a token, the end, or both.
pub struct Event {
    pub token: Option<Token>,
    pub finish: Option<Finish>,
    /// Tokens generated until then; an end token is none of them.
    pub produced: usize,
}

/// What engine and caller share of a sequence.
#[derive(Default)]
pub struct Shared {
    /// Set when the caller has left.
    pub abandoned: AtomicBool,
    /// Tokens of the prompt that were known.
    pub cached: AtomicUsize,
    /// What the model thinks of the prompt's tokens from the second on, where that was asked for.
    pub prompt: Mutex<Vec<Choice>>,
}

pub struct Generation {
    pub(super) events: Receiver<Result<Event>>,
    pub(super) arrived: Option<Result<Event>>,
    pub(super) shared: Arc<Shared>,
    pub(super) prompt: usize,
    pub(super) produced: usize,
    pub(super) finish: Option<Finish>,
    /// Lives as long as its generations.
    pub(super) _engine: Arc<Engine>,
}

impl Generation {
    pub fn prompt_tokens(&self) -> usize {
        self.prompt
    }

    /// Tokens of the prompt that an earlier text had read already.
    pub fn cached_tokens(&self) -> usize {
        self.shared.cached.load(Ordering::Relaxed)
    }

    /// The prompt's tokens from the second on as the model would have chosen them, complete with
    /// the first token; empty unless that was asked for.
    pub fn prompt_choices(&self) -> Vec<Choice> {
        self.shared.prompt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tokens taken; the end token is none of them.
    pub fn completion_tokens(&self) -> usize {
        self.produced
    }

    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// Waits until `next` would not; false where that takes longer than `most`.
    pub fn wait(&mut self, most: Duration) -> bool {
        if self.finish.is_some() || self.arrived.is_some() {
            return true;
        }
        match self.events.recv_timeout(most) {
            Ok(event) => self.arrived = Some(event),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => self.arrived = Some(Err(Error::Ended)),
        }
        true
    }

    /// The next token, or None at the end.
    #[allow(clippy::should_implement_trait)] // fallible, and not an iterator
    pub fn next(&mut self) -> Result<Option<Token>> {
        if self.finish.is_some() {
            return Ok(None);
        }
        let event = match self.arrived.take() {
            Some(event) => event?,
            None => self.events.recv().map_err(|_| Error::Ended)??,
        };
        self.produced = event.produced;
        self.finish = event.finish;
        Ok(event.token)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.shared.abandoned.store(true, Ordering::Relaxed);
    }
}
