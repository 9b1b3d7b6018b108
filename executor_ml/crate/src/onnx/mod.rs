//! Models in ONNX: a file is compiled to a list of nodes once, and evaluated for each call.
//!
//! Rules: what a file asks for and is not supported is named as it is loaded, all of it at once;
//! data outside the file is never read; weights are decoded, and what depends on no input is
//! computed, at loading. Values go when nothing needs them any more. A node that fails, or panics,
//! fails its call alone. Not by `candle-onnx`: that decodes all weights for each call, tells of an
//! unknown operator only when it comes to it, cannot be stopped between nodes, lacks operators
//! that common files have (Max, Reciprocal, GlobalMaxPool), and needs `protoc` to be built.
//!
//! | module | noun |
//! | --- | --- |
//! | `proto`, `literal`, `attributes` | what lies in a file |
//! | `element`, `value` | types, and tensors with them |
//! | `graph`, `scope` | a compiled file |
//! | `ports` | what a graph takes and gives |
//! | `evaluation` | one call |
//! | `ops` | the operators |

mod attributes;
mod element;
mod error;
mod evaluation;
mod graph;
mod literal;
mod ops;
mod ports;
mod proto;
mod scope;
mod value;

pub use element::Element;
pub use error::OnnxError;
pub use evaluation::Evaluation;
pub use graph::Graph;
pub use ports::{Dim, Port};
pub use value::Value;
