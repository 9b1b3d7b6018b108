//! What can go wrong with a graph: as it is loaded, with what a call gives, and at a node.

/// Why a graph gives no outputs.
#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    /// What a call gives is not what the graph takes; `field` names it.
    #[error("{field}: {reason}")]
    Input { field: String, reason: String },
    /// A node cannot compute with what it was given.
    #[error("node {node}: {reason}")]
    Node { node: String, reason: String },
}

/// Why a node cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("{0}")]
    Expected(String),
    #[error("{}", .0.to_string().lines().next().unwrap_or_default())]
    Candle(#[from] candle_core::Error),
}

impl Fault {
    pub fn expected<T>(told: impl Into<String>) -> Result<T, Self> {
        Err(Self::Expected(told.into()))
    }
}
