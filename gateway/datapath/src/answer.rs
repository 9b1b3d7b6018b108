//! An executor's answer on its way to the caller.
//!
//! Rules: it has begun when its headers say so, or data came. A single answer is read as fast as it
//! comes, so that the slot is free while a slow caller still reads; of a stream the next piece is
//! read when the last one is gone. Who reads nothing for STALL gets no more.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, StatusCode};
use tokio::time::{Instant, Sleep};

use crate::framing::Framing;
use crate::reply::Reply;
use crate::seen;
use crate::status::{self, Failure};
use crate::taken::Slot;
use crate::way::Way;

pub const STALL: Duration = Duration::from_secs(10);
const STARTED: &str = "edgemesh-started";

/// How one attempt ended.
pub enum End {
    Answered,
    Left,
    /// The caller did not read.
    Stalled,
    Failed(Failure),
}

pub struct Answer {
    stream: bool,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
    started: bool,
    framing: Framing,
    queue: VecDeque<Bytes>,
    piece: Option<Bytes>,
    trailers: Option<HeaderMap>,
    stalled: Option<Pin<Box<Sleep>>>,
    ended: Option<Instant>,
}

impl Answer {
    pub fn new(response: ResponseFuture, stream: bool) -> Answer {
        Answer {
            stream,
            response: Some(response),
            body: None,
            started: false,
            framing: Framing::default(),
            queue: VecDeque::new(),
            piece: None,
            trailers: None,
            stalled: None,
            ended: None,
        }
    }

    /// Note what has come.
    pub fn note(&self, way: &mut Way) {
        way.ended = self.ended;
        way.sent += self.framing.bytes();
        way.seen = seen::seen(self.framing.head(), self.stream);
    }

    /// Ready at the end; then the reply has its trailers, or a failure is to be judged.
    pub fn poll(
        &mut self,
        reply: &mut Reply,
        slot: &mut Option<Slot>,
        cx: &mut Context<'_>,
    ) -> Poll<End> {
        if reply.poll_left(cx).is_ready() {
            return Poll::Ready(End::Left);
        }
        if let Some(response) = &mut self.response {
            let response = match ready!(Pin::new(response).poll(cx)) {
                Ok(response) => response,
                Err(error) => return Poll::Ready(End::Failed(status::broken(&error, false))),
            };
            self.response = None;
            let (head, body) = response.into_parts();
            self.started = head.headers.contains_key(STARTED);
            if head.status != StatusCode::OK {
                let what = format!("executor: HTTP status {}", head.status.as_u16());
                let code = status::UNAVAILABLE;
                return Poll::Ready(End::Failed(status::lost(code, what, self.started)));
            }
            if body.is_end_stream() {
                self.ended(head.headers, slot);
            }
            self.body = Some(body);
        }
        loop {
            let sent = self.poll_down(reply, cx);
            if let Poll::Ready(Err(end)) = sent {
                return Poll::Ready(end);
            }
            if self.trailers.is_some() {
                // All of it is here: only the caller is waited for.
                ready!(sent).ok();
                return Poll::Ready(self.end(reply));
            }
            if sent.is_pending() && self.stream {
                return Poll::Pending;
            }
            if let Err(end) = ready!(self.poll_up(slot, cx)) {
                return Poll::Ready(end);
            }
        }
    }

    /// Ready when nothing is left to send.
    fn poll_down(&mut self, reply: &mut Reply, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        loop {
            if self.piece.is_none() {
                self.piece = self.queue.pop_front();
            }
            let Some(before) = self.piece.as_ref().map(Bytes::len) else {
                self.stalled = None;
                return Poll::Ready(Ok(()));
            };
            let sent = reply.poll_send(&mut self.piece, cx);
            let left = self.piece.as_ref().map_or(0, Bytes::len);
            if left < before {
                self.stalled = None;
                if self.stream {
                    self.release(before - left);
                }
            }
            match sent {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Left)),
                Poll::Pending => {
                    let sleep = || Box::pin(tokio::time::sleep_until(Instant::now() + STALL));
                    let stalled = self.stalled.get_or_insert_with(sleep);
                    ready!(stalled.as_mut().poll(cx));
                    return Poll::Ready(Err(End::Stalled));
                }
            }
        }
    }

    /// Ready when a piece came, or all is here.
    fn poll_up(&mut self, slot: &mut Option<Slot>, cx: &mut Context<'_>) -> Poll<Result<(), End>> {
        let body = self.body.as_mut().expect("the response is there");
        let failed = |error: h2::Error, started| {
            Poll::Ready(Err(End::Failed(status::broken(&error, started))))
        };
        match ready!(body.poll_data(cx)) {
            Some(Ok(piece)) => {
                self.started = true;
                self.framing.take(&piece);
                if !self.stream && self.framing.more_than_one() {
                    let what = "executor: more than one answer".into();
                    let failure = status::lost(status::INTERNAL, what, true);
                    return Poll::Ready(Err(End::Failed(failure)));
                }
                if !self.stream {
                    drop(body.flow_control().release_capacity(piece.len()));
                }
                self.queue.push_back(piece);
            }
            Some(Err(error)) => return failed(error, self.started),
            None => match ready!(body.poll_trailers(cx)) {
                Ok(trailers) => {
                    self.ended(trailers.unwrap_or_default(), slot);
                }
                Err(error) => return failed(error, self.started),
            },
        }
        Poll::Ready(Ok(()))
    }

    /// All is here. A failure keeps its slot until it is judged: it may be sent again.
    fn ended(&mut self, trailers: HeaderMap, slot: &mut Option<Slot>) {
        if status::code(&trailers) == status::OK {
            drop(slot.take());
        }
        self.ended = Some(Instant::now());
        self.trailers = Some(trailers);
    }

    fn release(&mut self, bytes: usize) {
        if let Some(body) = &mut self.body {
            drop(body.flow_control().release_capacity(bytes));
        }
    }

    fn end(&mut self, reply: &mut Reply) -> End {
        let trailers = self.trailers.take().unwrap_or_default();
        let failure = status::failure(trailers, self.started);
        if failure.code != status::OK {
            return End::Failed(failure);
        }
        if !self.framing.whole(self.stream) {
            let what = "executor: an answer that is cut off".into();
            return End::Failed(status::lost(status::INTERNAL, what, true));
        }
        reply.end(status::ok());
        End::Answered
    }
}
