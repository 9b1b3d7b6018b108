//! Where a call has been, for its record: in the queue, at which replica, what came from there.

use std::time::Duration;

use tokio::time::Instant;

use crate::seen::Seen;

#[derive(Default)]
pub struct Way {
    /// How long it waited for a slot.
    pub queued: Duration,
    /// How long it had one.
    pub ran: Duration,
    /// The lane and the replica that it was sent to last.
    pub place: Option<(usize, usize)>,
    /// When all of the answer was here.
    pub ended: Option<Instant>,
    /// Bytes of messages that came from there.
    pub sent: u64,
    pub seen: Seen,
}
