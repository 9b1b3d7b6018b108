//! Pictures: from bytes to the numbers that a model reads.
//!
//! Rules: bytes are untrusted: a picture's size is known, and within its limit, before anything is
//! decoded. Every step gives what the reference's own step gives (Pillow and transformers'
//! processors on it), to the last bit where integers are computed.

mod decode;
mod encode;
mod prepare;
mod resample;

pub use decode::Picture;
pub use prepare::{Preparation, Prepared};
pub use resample::{Filter, resize};

/// Why a picture cannot be read; the caller's fault.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadPicture(pub String);
