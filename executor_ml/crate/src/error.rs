//! What can go wrong, split by who is at fault.
//!
//! `Model`: the file (missing, torn, hostile, of an unsupported kind). `PromptTooLong`, `TextTooLong`, `Chat`,
//! `Parameter`, `Constraint`: the caller. `Numeric`: weights or arithmetic. `Ended`: this process. Errors carry fields, not only text.

use std::path::Path;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A model's file cannot be used.
    #[error("{path}: {reason}")]
    Model { path: String, reason: String },
    /// The prompt leaves no room for one more token.
    #[error("the prompt is {tokens} tokens long; the context holds {limit}, one of them generated")]
    PromptTooLong { tokens: usize, limit: usize },
    /// A text that is longer than the model reads, where nothing may be cut off.
    #[error("text {index} is {tokens} tokens long; the model reads {limit}")]
    TextTooLong { index: usize, tokens: usize, limit: usize },
    /// A conversation the model's template refuses.
    #[error("{reason}")]
    Chat { reason: String },
    /// A parameter outside its range.
    #[error("{name} {expected}")]
    Parameter { name: &'static str, expected: &'static str },
    /// A form of texts that cannot be met or is not supported; `place` is where in a schema.
    #[error("{place}: {reason}")]
    Constraint { place: String, reason: String },
    /// Not-a-number where a probability was due.
    #[error("the model produced a value that is not a number")]
    Numeric,
    /// The thread that computes a model's texts is gone.
    #[error("the model's engine has ended")]
    Ended,
}

impl Error {
    /// A `Model` error about the file at `path`.
    pub fn model(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Model { path: path.display().to_string(), reason: reason.to_string() }
    }
}
