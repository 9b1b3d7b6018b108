//! A kept HTTP/2 connection to an executor, or to Python's own server.
//!
//! Rules: one connection carries all streams; who finds it broken, or told to go away, dials again,
//! one at a time. Streams are bounded by their own windows only: on a shared connection those that
//! nobody reads would stop the others. While streams are open a peer that answers no ping is cut off.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use h2::{Ping, PingPong};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::status::{Failure, UNAVAILABLE, broken, lost};
use crate::windows;

const DIAL: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(5);
const TRIES: usize = 3;

pub enum Address {
    /// `host:port`
    Tcp(String),
    Unix(PathBuf),
}

#[derive(Default)]
struct Kept {
    /// How many were there before it.
    number: u64,
    /// How many dials have failed.
    failed: u64,
    sender: Option<SendRequest<Bytes>>,
}

pub struct Upstream {
    address: Address,
    kept: Mutex<Kept>,
    dialling: tokio::sync::Mutex<()>,
    streams: Arc<AtomicUsize>,
}

/// Counts a stream as long as it is there.
pub struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Upstream {
    pub fn new(address: Address) -> Upstream {
        Upstream {
            address,
            kept: Mutex::default(),
            dialling: tokio::sync::Mutex::new(()),
            streams: Arc::default(),
        }
    }

    /// A connection that takes a new stream.
    pub async fn ready(&self) -> Result<(SendRequest<Bytes>, Open), Failure> {
        self.streams.fetch_add(1, Ordering::Relaxed);
        let open = Open(self.streams.clone());
        let mut tries = 0;
        loop {
            let (number, failed, sender) = {
                let kept = self.kept();
                (kept.number, kept.failed, kept.sender.clone())
            };
            if let Some(sender) = sender {
                match sender.ready().await {
                    Ok(sender) => return Ok((sender, open)),
                    Err(error) if tries == TRIES => return Err(broken(&error, false)),
                    Err(_) => self.forget(number),
                }
            }
            tries += 1;
            let _one = self.dialling.lock().await;
            if self.kept().sender.is_none() {
                let away = || lost(UNAVAILABLE, "it takes no connection".into(), false);
                if self.kept().failed != failed {
                    return Err(away()); // who dialled while this one waited has found out
                }
                let dialled = tokio::time::timeout(DIAL, self.dial()).await;
                let dialled = dialled.map_err(|_| away()).flatten();
                let mut kept = self.kept();
                match dialled {
                    Ok(sender) => {
                        kept.number += 1;
                        kept.sender = Some(sender);
                    }
                    Err(failure) => {
                        kept.failed += 1;
                        return Err(failure);
                    }
                }
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, number: u64) {
        let mut kept = self.kept();
        if kept.number == number {
            kept.sender = None;
        }
    }

    async fn dial(&self) -> Result<SendRequest<Bytes>, Failure> {
        let away = |error: std::io::Error| lost(UNAVAILABLE, error.to_string(), false);
        match &self.address {
            Address::Tcp(address) => {
                let io = TcpStream::connect(address).await.map_err(away)?;
                io.set_nodelay(true).map_err(away)?;
                self.shake_hands(io).await
            }
            Address::Unix(path) => {
                self.shake_hands(UnixStream::connect(path).await.map_err(away)?).await
            }
        }
    }

    async fn shake_hands<T>(&self, io: T) -> Result<SendRequest<Bytes>, Failure>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, mut connection) = Builder::new()
            .initial_window_size(windows::STREAM)
            .initial_connection_window_size(windows::UNBOUNDED)
            .max_frame_size(windows::FRAME)
            .max_send_buffer_size(windows::SEND_BUFFER)
            .max_concurrent_reset_streams(windows::RESET_STREAMS)
            .max_local_error_reset_streams(None)
            .data_frame_budget(windows::SMALL_FRAMES)
            .enable_push(false)
            .handshake(io)
            .await
            .map_err(|error| broken(&error, false))?;
        let pings = connection.ping_pong();
        tokio::spawn(drive(connection, pings, self.streams.clone()));
        Ok(sender)
    }
}

/// Move a connection's bytes until it ends, or its peer is silent for too long.
async fn drive<T>(
    connection: Connection<T, Bytes>,
    pings: Option<PingPong>,
    streams: Arc<AtomicUsize>,
) where
    T: AsyncRead + AsyncWrite + Unpin,
{
    tokio::select! {
        _ = connection => {}
        () = silence(pings, streams) => {}
    }
}

/// Ends when a ping is not answered in time.
async fn silence(pings: Option<PingPong>, streams: Arc<AtomicUsize>) {
    let Some(mut pings) = pings else { return std::future::pending().await };
    loop {
        tokio::time::sleep(PING_EVERY).await;
        if streams.load(Ordering::Relaxed) > 0 {
            let pong = tokio::time::timeout(PONG_WITHIN, pings.ping(Ping::opaque())).await;
            if !matches!(pong, Ok(Ok(_))) {
                return;
            }
        }
    }
}
