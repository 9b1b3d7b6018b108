//! Encoders (BERT and its relatives) over packed tokens: one forward for all families.
//!
//! | module | noun |
//! | --- | --- |
//! | `config` | what tells families apart |
//! | `config_json` | a folder's `config.json`, of each family and generation |
//! | `names` | where each family keeps its weights |
//! | `layer`, `attention`, `feed` | arithmetic of one layer |
//! | `model` | token ids to one vector per sequence |
//! | `sentence` | what sentence-transformers adds to a folder |

mod attention;
mod config;
mod config_json;
mod feed;
mod layer;
mod model;
mod names;
mod sentence;

pub use config::{Config, Pooling};
pub use layer::Norm;
pub use model::{Encoder, Input};
pub use sentence::Sentence;
