//! BERT encoders (MiniLM, BGE, E5 and their kin) over packed tokens.

mod config;
mod encoder;
mod layer;

pub use config::{Config, Pooling};
pub use encoder::Bert;
