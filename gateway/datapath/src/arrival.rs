//! A call's one message as it comes in.
//!
//! Rules: it is read whole; what is kept of it is held, so that a house that is full takes no more,
//! and a message that is not what it should be is in doubt, with all that has come of it.

use std::time::Duration;

use h2::RecvStream;

use crate::head::{self, Head};
use crate::rope::Rope;
use crate::taken::Held;

/// Bytes of gRPC's own before a message.
pub const PREFIX: usize = 5;
/// What keeping a piece costs beside its bytes.
const PIECE: usize = 64;
/// A caller of whose message nothing comes for so long has left off.
const LEFT_OFF: Duration = Duration::from_secs(30);

/// What reading a message comes to.
pub enum Read {
    Whole(Head),
    Doubt,
    Left,
    Stalled,
}

/// Read the message whole, holding its bytes; it may have `most`.
pub async fn read(body: &mut RecvStream, message: &mut Rope, held: &mut Held, most: usize) -> Read {
    let mut whole = usize::MAX;
    while !body.is_end_stream() {
        let piece = match tokio::time::timeout(LEFT_OFF, body.data()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(Some(Err(_))) => return Read::Left,
            Ok(None) => break,
            Err(_) => return Read::Stalled,
        };
        let size = piece.len();
        drop(body.flow_control().release_capacity(size));
        let fits = held.more(size + PIECE);
        message.push(piece);
        if !fits {
            return Read::Doubt;
        }
        if whole == usize::MAX {
            let Some(prefix) = message.cursor().take(PREFIX) else { continue };
            let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
            if prefix[0] != 0 || length > most {
                return Read::Doubt;
            }
            whole = PREFIX + length;
        }
        if message.len() > whole {
            return Read::Doubt;
        }
    }
    let mut cursor = message.cursor();
    if message.len() != whole || cursor.skip(PREFIX).is_none() {
        return Read::Doubt;
    }
    head::examine(cursor).map_or(Read::Doubt, Read::Whole)
}
