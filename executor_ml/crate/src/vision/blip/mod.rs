//! BLIP: captions of pictures, and answers to questions about them.
//!
//! A ViT sees the picture; a BERT that looks at what it saw, token by token, writes. For a question,
//! another one reads it looking at the picture, and the writer looks at what that one made of it.

mod beams;
mod model;
mod text;

pub use model::{Blip, Request, Said};

/// What a caller may end early.
type Work<T> = std::result::Result<T, crate::whisper::Halt>;
