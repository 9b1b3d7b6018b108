//! What can be wrong with a graph: the caller's fault each, but for `Backend`.

pub type Result<T> = std::result::Result<T, TensorError>;

#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    /// The text is no graph.
    #[error("a graph as JSON: {0}")]
    Malformed(String),
    /// A node cannot be what it says.
    #[error("{op}: {reason}")]
    Node { index: usize, op: String, reason: String },
    /// An output names no node.
    #[error("output {name:?}: {reason}")]
    Output { name: String, reason: String },
    /// It is larger than may be.
    #[error("at most {limit} {what}, not {size}")]
    TooLarge { what: &'static str, size: usize, limit: usize },
    /// The arithmetic failed where it was held to be possible.
    #[error("node {index} ({op}): {reason}")]
    Backend { index: usize, op: String, reason: String },
}

impl TensorError {
    /// Where in the parameters it is.
    pub fn field(&self) -> String {
        match self {
            Self::Node { index, .. } | Self::Backend { index, .. } => {
                format!("parameters.nodes[{index}]")
            }
            Self::Output { .. } => "parameters.outputs".to_owned(),
            _ => "parameters.nodes".to_owned(),
        }
    }
}
