//! Everything that Python answers itself, passed to its own server byte for byte, and back.
//!
//! Rules: of headers only the mesh's own are touched: the caller's are taken off, but for the id of
//! its request and a ticket, and the peer's address and certificate are put on, which that server
//! believes of nobody else.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, Version};
use tokio::time::Instant;

use crate::answer::STALL;
use crate::compute::{REQUEST_ID, TICKET};
use crate::context::Context;
use crate::peer::Peer;
use crate::rope::Rope;
use crate::{legible, pipe, status, timeout};

const PEER: HeaderName = HeaderName::from_static("edgemesh-peer");
const CERTIFICATE: HeaderName = HeaderName::from_static("edgemesh-certificate");
const OURS: &str = "edgemesh-";
/// What a caller may say itself: an id, and that it is a run of the mesh's, which is proved.
const LEFT: [&str; 2] = [REQUEST_ID, TICKET];

/// Where a stream broke.
enum Broken {
    /// The caller left.
    Above,
    /// The server ended it so.
    Below(Reason),
}

/// Pass a call on, of whose body some pieces may have been read.
pub async fn pass(
    parts: Parts,
    read: Rope,
    mut body: RecvStream,
    mut respond: SendResponse<Bytes>,
    peer: &Peer,
    deadline: Option<Instant>,
    cx: &Arc<Context>,
) {
    let said = timeout::of(&parts.headers);
    if said.is_none() && parts.headers.contains_key(timeout::NAME) {
        return refuse(&mut respond, status::INVALID_ARGUMENT, timeout::EXPECTED);
    }
    let deadline = deadline.or_else(|| said.map(|left| Instant::now() + left));
    let (mut sender, _open) = match cx.inner.ready().await {
        Ok(ready) => ready,
        Err(failure) => return refuse(&mut respond, failure.code, "the gateway is stopping"),
    };
    let ended = body.is_end_stream();
    let empty = ended && read.is_empty();
    let (response, mut up) = match sender.send_request(request(parts, peer, deadline), empty) {
        Ok(sent) => sent,
        Err(error) => return refuse(&mut respond, status::UNAVAILABLE, &error.to_string()),
    };
    drop(sender);
    let mut opened = None;
    let ended = {
        let sending =
            async { if empty { Ok(()) } else { send_body(&mut up, read, &mut body, ended).await } };
        let answering = answer(response, &mut respond, &mut opened);
        tokio::pin!(sending, answering);
        let mut sent = false;
        poll_fn(|cx| {
            if !sent && let Poll::Ready(done) = sending.as_mut().poll(cx) {
                sent = true;
                // Should the server not want it, the answer says why.
                if let Err(Broken::Above) = done {
                    return Poll::Ready(Err(Broken::Above));
                }
            }
            answering.as_mut().poll(cx)
        })
        .await
    };
    match ended {
        Ok(()) => {}
        Err(Broken::Above) => up.send_reset(Reason::CANCEL),
        Err(Broken::Below(reason)) => match opened {
            Some(mut stream) => stream.send_reset(reason),
            None => respond.send_reset(reason),
        },
    }
}

fn request(parts: Parts, peer: &Peer, deadline: Option<Instant>) -> Request<()> {
    let mut headers = parts.headers;
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(OURS) && !LEFT.contains(&name.as_str()))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
    legible::keep(&mut headers);
    headers.insert(PEER, peer.address.clone());
    if let Some(certificate) = &peer.certificate {
        headers.insert(CERTIFICATE, certificate.header.clone());
    }
    if let Some(deadline) = deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        headers.insert(timeout::NAME, timeout::value(left));
    }
    let mut request = Request::new(());
    *request.method_mut() = parts.method;
    *request.uri_mut() = here(parts.uri.path_and_query());
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    request
}

/// The same path at the inner server, whatever the caller calls us.
fn here(path: Option<&PathAndQuery>) -> Uri {
    let path = path.cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    Uri::builder()
        .scheme("http")
        .authority("edgemesh")
        .path_and_query(path)
        .build()
        .unwrap_or_default()
}

async fn send_body(
    up: &mut SendStream<Bytes>,
    read: Rope,
    body: &mut RecvStream,
    ended: bool,
) -> Result<(), Broken> {
    let below = |error: h2::Error| Broken::Below(error.reason().unwrap_or(Reason::CANCEL));
    let pieces = read.into_pieces();
    let count = pieces.len();
    for (number, piece) in pieces.into_iter().enumerate() {
        let last = ended && number + 1 == count;
        pipe::send(up, piece, last).await.map_err(below)?;
    }
    if ended {
        return Ok(());
    }
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| Broken::Above)?;
        let size = piece.len();
        let last = body.is_end_stream();
        pipe::send(up, piece, last).await.map_err(below)?;
        drop(body.flow_control().release_capacity(size));
        if last {
            return Ok(());
        }
    }
    match body.trailers().await.map_err(|_| Broken::Above)? {
        Some(trailers) => up.send_trailers(trailers).map_err(below),
        None => up.send_data(Bytes::new(), true).map_err(below),
    }
}

async fn answer(
    response: ResponseFuture,
    respond: &mut SendResponse<Bytes>,
    opened: &mut Option<SendStream<Bytes>>,
) -> Result<(), Broken> {
    let below = |error: h2::Error| Broken::Below(error.reason().unwrap_or(Reason::CANCEL));
    tokio::pin!(response);
    let response = poll_fn(|cx| {
        if let Poll::Ready(response) = response.as_mut().poll(cx) {
            return Poll::Ready(response.map_err(below));
        }
        respond.poll_reset(cx).map(|_| Err(Broken::Above))
    });
    let (head, mut body) = response.await?.into_parts();
    let ended = body.is_end_stream();
    let mut passed = Response::new(());
    *passed.status_mut() = head.status;
    *passed.headers_mut() = head.headers;
    let stream = respond.send_response(passed, ended).map_err(|_| Broken::Above)?;
    let down = opened.insert(stream);
    if ended {
        return Ok(());
    }
    loop {
        let piece = poll_fn(|cx| {
            if let Poll::Ready(piece) = body.poll_data(cx) {
                return Poll::Ready(piece.transpose().map_err(below));
            }
            down.poll_reset(cx).map(|_| Err(Broken::Above))
        });
        let Some(piece) = piece.await? else { break };
        let size = piece.len();
        // Who reads nothing must not keep what is on its way to others, on the same connection.
        let sent = tokio::time::timeout(STALL, pipe::send(down, piece, false)).await;
        sent.map_err(|_| Broken::Above)?.map_err(|_| Broken::Above)?;
        drop(body.flow_control().release_capacity(size));
    }
    let trailers = body.trailers().await.map_err(below)?;
    down.send_trailers(trailers.unwrap_or_default()).map_err(|_| Broken::Above)
}

fn refuse(respond: &mut SendResponse<Bytes>, code: u32, message: &str) {
    let mut response = Response::new(());
    *response.headers_mut() = status::plain(code, message);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    drop(respond.send_response(response, true));
}
