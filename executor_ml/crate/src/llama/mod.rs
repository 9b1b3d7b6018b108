//! Llama-shaped language models from GGUF files.

mod attention;
mod cache;
mod config;
mod layer;
mod model;

pub use cache::Cache;
pub use config::Config;
pub use model::{Llama, Pass};
