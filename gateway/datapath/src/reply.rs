//! The caller's side of a call: headers once, pieces as it reads them, trailers at the end.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use h2::server::SendResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response};

use crate::pipe;

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// The caller has left.
pub struct Left;

pub struct Reply {
    respond: SendResponse<Bytes>,
    stream: Option<SendStream<Bytes>>,
}

impl Reply {
    pub fn new(respond: SendResponse<Bytes>) -> Reply {
        Reply { respond, stream: None }
    }

    /// Ready once the caller has left.
    pub fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.stream {
            Some(stream) => stream.poll_reset(cx).map(drop),
            None => self.respond.poll_reset(cx).map(drop),
        }
    }

    /// Send a piece; `piece` is what is left of it.
    pub fn poll_send(
        &mut self,
        piece: &mut Option<Bytes>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Left>> {
        if self.stream.is_none() {
            let mut response = Response::new(());
            response.headers_mut().insert(CONTENT_TYPE, GRPC);
            let Ok(stream) = self.respond.send_response(response, false) else {
                return Poll::Ready(Err(Left));
            };
            self.stream = Some(stream);
        }
        let stream = self.stream.as_mut().expect("made above");
        pipe::poll_send(stream, piece, false, cx).map_err(|_| Left)
    }

    /// End the call. Who has left by now hears nothing of it.
    pub fn end(&mut self, trailers: HeaderMap) {
        match &mut self.stream {
            Some(stream) => drop(stream.send_trailers(trailers)),
            None => {
                let mut response = Response::new(());
                *response.headers_mut() = trailers;
                response.headers_mut().insert(CONTENT_TYPE, GRPC);
                drop(self.respond.send_response(response, true));
            }
        }
    }

    /// The caller's side as h2 has it, of a call that nothing was said in yet.
    pub fn into_inner(self) -> SendResponse<Bytes> {
        self.respond
    }
}
