//! Whisper: 30 seconds of sound at a time to text with its times.
//!
//! Numbers are those of transformers; how windows move, what a token may follow and what a segment
//! is are those of OpenAI's reference. Whether a window's text is good enough is the caller's to
//! judge: it asks for attempts at rising temperatures and keeps or skips.
//!
//! | module | noun |
//! | --- | --- |
//! | `config` | what a folder says of its model |
//! | `vocabulary` | tokens that are no text: languages, tasks, times |
//! | `dense`, `attention` | what both halves are made of |
//! | `encoder`, `decoder` | a window's sound to vectors; tokens to the next one's logits |
//! | `rules` | which tokens may come next |
//! | `transcriber`, `transcription` | a model; a sound on its way to text |
//! | `segment` | a part of the text and its times |
//! | `alignment`, `words`, `word_lengths` | each token's moment; each word's times |

mod alignment;
pub(crate) mod attention;
mod config;
mod decoder;
mod dense;
mod encoder;
mod rules;
mod segment;
mod transcriber;
mod transcription;
mod vocabulary;
mod word_lengths;
mod words;

pub use config::Config;
pub use decoder::{Decoder, Memory};
pub use encoder::Encoder;
pub use segment::Segment;
pub use transcriber::{Request, Transcriber};
pub use transcription::{Attempt, Transcription};
pub use vocabulary::{Task, Vocabulary};
pub use words::Word;

use crate::audio::SoundError;
use crate::error::Error;

/// Why work ended early.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The caller said so.
    #[error("stopped")]
    Stopped,
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<SoundError> for Halt {
    /// A spectrogram of decoded sound can only be stopped.
    fn from(_: SoundError) -> Self {
        Self::Stopped
    }
}

/// Err where the caller wants no more.
pub(crate) fn check(going: crate::audio::Going<'_>) -> Result<(), Halt> {
    if going() { Ok(()) } else { Err(Halt::Stopped) }
}
