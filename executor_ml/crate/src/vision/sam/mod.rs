//! Segment anything: masks of what is at some points, or in a box.
//!
//! A ViT sees the picture once, mostly within windows; a small decoder makes masks of it for each
//! prompt.

mod decoder;
mod encoder;
mod enlarge;
mod model;
mod prompts;

pub use model::{Embedded, Masks, Sam};
pub use prompts::Prompt;
