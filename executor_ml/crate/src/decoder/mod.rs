//! Decoders of the llama kind and its relatives, from GGUF files and safetensors folders.
//!
//! One forward for all families; `Config` holds what tells them apart.

mod attention;
mod cache;
mod config;
mod config_gguf;
mod config_json;
mod layer;
mod model;
mod names;
mod rope;

pub use cache::Cache;
pub use config::{Activation, Config};
pub use config_json::{ConfigFile, GenerationFile};
pub use model::{Decoder, Pass};
pub use rope::{Rope, Rotation, Scaling};
