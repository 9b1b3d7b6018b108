//! What tells encoders apart.

use super::names::Names;
use crate::decoder::Rope;

/// How token vectors become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    Mean,
    Cls,
    Last,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Gelu,
    GeluTanh,
    Relu,
    Silu,
}

/// Which parts have biases.
#[derive(Clone, Copy, Debug)]
pub struct Biases {
    pub attention: bool,
    pub feed: bool,
    pub norm: bool,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub names: &'static Names,
    pub vocabulary: usize,
    pub hidden: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub epsilon: f32,
    /// Rows of the table of token types; 0: there is none.
    pub types: usize,
    /// Rows of the position table, or as many positions as rotations are meant for.
    pub positions: usize,
    /// The first token's row in the position table.
    pub first_position: usize,
    pub layers: Vec<Kind>,
    pub activation: Activation,
    /// Whether the feed-forward multiplies two halves.
    pub gated: bool,
    pub biases: Biases,
    /// Norms before attention and feed-forward, and one behind all; else behind each.
    pub norms_first: bool,
}

/// What a layer has of its own.
#[derive(Clone, Debug)]
pub struct Kind {
    /// How positions are rotated; None: they are in the table.
    pub rope: Option<Rope>,
    /// How far a token sees in either direction.
    pub window: Option<usize>,
}

impl Config {
    /// Most tokens of a sequence, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.positions - self.first_position
    }

    /// What no model has, and would make sizes overflow.
    pub fn problem(&self) -> Option<String> {
        let (h, n) = (self.hidden, self.heads);
        if n == 0 || h == 0 || !h.is_multiple_of(n) {
            return Some(format!("{n} heads do not divide {h} hidden values"));
        }
        let sizes =
            [self.vocabulary, h, self.intermediate, self.positions, self.types, self.layers.len()];
        if sizes.iter().any(|size| *size > 1 << 22) {
            return Some("has sizes that no model has".into());
        }
        let rotates = self.layers.iter().any(|kind| kind.rope.is_some());
        if rotates && !(h / n).is_multiple_of(2) {
            return Some(format!("heads of {} values cannot be rotated", h / n));
        }
        if self.positions <= self.first_position {
            return Some(format!("has {} positions", self.positions));
        }
        None
    }
}
