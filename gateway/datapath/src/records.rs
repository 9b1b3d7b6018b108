//! What became of a call: one line of the log and one count, told to Python in batches.

use std::sync::Arc;
use std::time::SystemTime;

use crate::identity::Identity;
use crate::way::Way;

/// One call that has ended.
pub struct Record {
    pub stream: bool,
    pub code: u32,
    pub seconds: f64,
    pub ended: SystemTime,
    pub request_id: String,
    pub identity: Arc<Identity>,
    pub algorithm: String,
    /// The mesh's reason and message of a refusal.
    pub refusal: Option<(String, String)>,
    /// Bytes of the request.
    pub received: usize,
    pub way: Way,
}
