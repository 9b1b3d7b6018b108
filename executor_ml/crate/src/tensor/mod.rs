//! Graphs of tensor operations: read, checked and evaluated as one.
//!
//! A graph is a list of nodes in an order in which each refers to earlier ones alone, so it has no
//! cycle. Everything that can be known of it without its elements (element types, shapes, how much
//! memory it takes) is checked before anything is computed; the rest (an index out of range) while
//! it is. Half-precision is computed in single precision and rounded once per operation.
//!
//! | module | noun |
//! | --- | --- |
//! | `error` | what can be wrong with a graph |
//! | `graph` | its JSON |
//! | `kind` | element types and shapes, and how they go together |
//! | `check` | what each node comes to |
//! | `evaluate` | the computation |
//! | `ops` | the arithmetic |

mod check;
mod error;
mod evaluate;
mod graph;
mod kind;
mod ops;
#[cfg(test)]
mod tests;

pub use check::{Checked, MOST_OPS};
pub use error::{Result, TensorError};
pub use evaluate::Evaluation;
pub use graph::Graph;
pub use kind::{Kind, dtype_of, name_of};
