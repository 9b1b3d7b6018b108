//! Bytes from one stream to another as fast as the reader takes them, and no faster.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};

/// Send a piece as the peer's windows let it.
pub async fn send(to: &mut SendStream<Bytes>, piece: Bytes, end: bool) -> Result<(), h2::Error> {
    let mut piece = Some(piece);
    poll_fn(|cx| poll_send(to, &mut piece, end, cx)).await
}

/// The same by hand: `piece` is what is left of it, None once all is sent.
pub fn poll_send(
    to: &mut SendStream<Bytes>,
    piece: &mut Option<Bytes>,
    end: bool,
    cx: &mut Context<'_>,
) -> Poll<Result<(), h2::Error>> {
    while let Some(left) = piece {
        if left.is_empty() {
            if end {
                to.send_data(Bytes::new(), true)?;
            }
            *piece = None;
            break;
        }
        to.reserve_capacity(left.len());
        let capacity = to.capacity();
        if capacity == 0 {
            match to.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => continue,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Err(Reason::CANCEL.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
        if capacity >= left.len() {
            let last = std::mem::take(left);
            *piece = None;
            to.send_data(last, end)?;
        } else {
            to.send_data(left.split_to(capacity), false)?;
        }
    }
    Poll::Ready(Ok(()))
}
