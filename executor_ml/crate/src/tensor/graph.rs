//! A graph's JSON.

use super::error::{Result, TensorError};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Nodes, each of which refers to earlier ones by their numbers, and which of them are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub outputs: BTreeMap<String, usize>,
}

/// One operation. Which fields it reads `check` says; one that it does not read must be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub op: String,
    #[serde(default)]
    pub args: Vec<usize>,
    pub name: Option<String>,
    pub value: Option<f64>,
    pub dtype: Option<String>,
    pub shape: Option<Vec<usize>>,
    pub axis: Option<i64>,
    pub axes: Option<Vec<i64>>,
    #[serde(default)]
    pub keepdims: bool,
    pub start: Option<usize>,
    pub step: Option<i64>,
    pub length: Option<usize>,
}

impl Graph {
    /// Read a graph. Raises `Malformed`.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| TensorError::Malformed(error.to_string()))
    }
}
