//! The public port: connections taken, their calls handed on, all of it ended at a stop.
//!
//! Rules: one thread with a runtime of its own, which never waits for Python. A stop lets calls that
//! run end, for as long as it was given, and then closes what is left.

use std::io;
use std::net::{SocketAddr, TcpListener as Listener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::compute::{self, COMPUTE, COMPUTE_STREAM};
use crate::context::Context;
use crate::peer::Peer;
use crate::reply::Reply;
use crate::rope::Rope;
use crate::{relay, timeout, windows};

/// How long a new connection may take to say that it speaks HTTP/2.
const HANDSHAKE: Duration = Duration::from_secs(20);
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Pause after a connection could not be taken, e.g. for want of descriptors.
const BREATH: Duration = Duration::from_millis(10);

/// How long calls may still run; None: no stop yet.
type Stop = Option<Duration>;

pub struct Front {
    stop: watch::Sender<Stop>,
    thread: JoinHandle<()>,
}

impl Front {
    /// Serve on listening sockets until `stop`.
    pub fn start(listeners: Vec<Listener>, cx: Arc<Context>) -> io::Result<Front> {
        let (stop, stopped) = watch::channel(None);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("datapath".to_owned()).spawn(move || {
            runtime.block_on(serve(listeners, cx, stopped));
            // A name that is being looked up is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Front { stop, thread })
    }

    /// Take no more connections, end calls within `grace`, and return when all is closed.
    pub fn stop(self, grace: Duration) {
        let _ = self.stop.send(Some(grace));
        drop(self.thread.join());
    }
}

async fn serve(listeners: Vec<Listener>, cx: Arc<Context>, mut stopped: watch::Receiver<Stop>) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, cx.clone(), stopped.clone()));
    }
    let grace = stopped.wait_for(Option::is_some).await.ok().and_then(|stop| *stop);
    let all = async { while accepting.join_next().await.is_some() {} };
    drop(tokio::time::timeout(grace.unwrap_or_default(), all).await);
}

/// Take connections until the stop, then wait for their ends.
async fn accept(listener: Listener, cx: Arc<Context>, mut stopped: watch::Receiver<Stop>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let (mut connections, theirs) = (JoinSet::new(), stopped.clone());
    loop {
        tokio::select! {
            () = told(&mut stopped) => break,
            _ = connections.join_next(), if !connections.is_empty() => {}
            taken = listener.accept() => match taken {
                Ok((io, peer)) => {
                    connections.spawn(connection(io, peer, cx.clone(), theirs.clone()));
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    io: TcpStream,
    peer: SocketAddr,
    cx: Arc<Context>,
    stopped: watch::Receiver<Stop>,
) {
    drop(io.set_nodelay(true));
    drop(SockRef::from(&io).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE)));
    let Ok(address) = HeaderValue::from_str(&written(peer)) else { return };
    let Some(tls) = cx.tls() else {
        return speak(io, Arc::new(Peer::new(address, None)), cx, stopped).await;
    };
    let secured = tokio::time::timeout(HANDSHAKE, tls.accept(io)).await;
    if let Ok(Ok(io)) = secured {
        let shown = io.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let peer = Peer::new(address, shown.map(|certificate| &certificate[..]));
        speak(io, Arc::new(peer), cx, stopped).await;
    }
}

/// HTTP/2 with one caller until either ends it.
async fn speak<T>(io: T, peer: Arc<Peer>, cx: Arc<Context>, mut stopped: watch::Receiver<Stop>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = Builder::new()
        .initial_window_size(windows::STREAM)
        .initial_connection_window_size(windows::CONNECTION)
        .max_frame_size(windows::FRAME)
        .max_concurrent_streams(windows::STREAMS)
        .max_send_buffer_size(windows::SEND_BUFFER)
        .max_header_list_size(windows::HEADERS)
        .max_concurrent_reset_streams(windows::RESET_STREAMS)
        .max_pending_accept_reset_streams(windows::RESET_STREAMS)
        .data_frame_budget(windows::SMALL_FRAMES)
        .handshake::<_, Bytes>(io);
    let Ok(Ok(mut connection)) = tokio::time::timeout(HANDSHAKE, handshake).await else { return };
    let mut stopping = false;
    loop {
        let accepted = tokio::select! {
            accepted = connection.accept() => accepted,
            () = told(&mut stopped), if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
                continue;
            }
        };
        let Some(Ok((request, respond))) = accepted else { return };
        tokio::spawn(call(request, respond, peer.clone(), cx.clone()));
    }
}

async fn call(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    peer: Arc<Peer>,
    cx: Arc<Context>,
) {
    let (parts, body) = request.into_parts();
    let stream = match parts.uri.path() {
        COMPUTE if usual(&parts) => false,
        COMPUTE_STREAM if usual(&parts) => true,
        _ => return relay::pass(parts, Rope::default(), body, respond, &peer, None, &cx).await,
    };
    compute::serve(stream, parts, body, Reply::new(respond), &peer, &cx).await;
}

/// Whether a call is gRPC as clients speak it.
fn usual(parts: &Parts) -> bool {
    let written = parts.headers.get(CONTENT_TYPE).is_some_and(|value| {
        matches!(value.as_bytes(), b"application/grpc" | b"application/grpc+proto")
    });
    let limited = !parts.headers.contains_key(timeout::NAME);
    let own = !parts.headers.contains_key(compute::TICKET);
    parts.method == Method::POST
        && own
        && written
        && (limited || timeout::of(&parts.headers).is_some())
}

/// Ends at the stop.
async fn told(stopped: &mut watch::Receiver<Stop>) {
    drop(stopped.wait_for(Option::is_some).await);
}

/// A peer's address as gRPC writes it.
fn written(peer: SocketAddr) -> String {
    let ip = peer.ip().to_canonical();
    match ip {
        std::net::IpAddr::V4(ip) => format!("ipv4:{ip}:{}", peer.port()),
        std::net::IpAddr::V6(ip) => format!("ipv6:%5B{ip}%5D:{}", peer.port()),
    }
}
