//! What every call is served with, fixed once the data path runs.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, Uri};
use tokio_rustls::TlsAcceptor;

use crate::house::House;
use crate::status::Refusal;
use crate::upstream::{Address, Upstream};

const TRACEPARENT: &str = "traceparent";

/// One replica of an executor.
pub struct Replica {
    pub upstream: Upstream,
    /// Calls that it has answered.
    pub answered: AtomicU64,
    /// What makes it trust the gateway.
    pub identity: HeaderMap,
    pub execute: Uri,
    pub execute_stream: Uri,
}

impl Replica {
    pub fn new(address: Address, identity: HeaderMap) -> Replica {
        let authority = match &address {
            Address::Tcp(address) => address.clone(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let at = |method: &str| {
            let path = format!("/edgemesh.executor.v1.ExecutorService/{method}");
            Uri::builder()
                .scheme("http")
                .authority(authority.as_str())
                .path_and_query(path)
                .build()
                .unwrap_or_default()
        };
        Replica {
            execute: at("Execute"),
            execute_stream: at("ExecuteStream"),
            upstream: Upstream::new(address),
            answered: AtomicU64::new(0),
            identity,
        }
    }
}

/// The refusals of deadlines, by where they passed.
pub struct Stages {
    pub arrival: Refusal,
    pub queue: Refusal,
    pub dispatch: Refusal,
    pub executor: Refusal,
    pub delivery: Refusal,
}

pub struct Context {
    pub house: Arc<House>,
    /// By the number of their lane, and of the replica in it.
    pub executors: Vec<Vec<Replica>>,
    /// Python's own server.
    pub inner: Upstream,
    pub stages: Stages,
    /// What secures the public port; None: nothing does.
    pub tls: Option<Mutex<TlsAcceptor>>,
    /// Bytes of the largest request.
    pub most_request: usize,
    /// Whether calls that bring a trace's context are Python's, which makes spans of them.
    pub traced: bool,
}

impl Context {
    /// Whether a call is Python's for what its headers say.
    pub fn doubts(&self, headers: &HeaderMap) -> bool {
        self.traced && headers.contains_key(TRACEPARENT)
    }

    /// What secures a new connection.
    pub fn tls(&self) -> Option<TlsAcceptor> {
        let held = self.tls.as_ref()?.lock();
        Some(held.unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Secure new connections so from now on, where any are.
    pub fn set_tls(&self, acceptor: TlsAcceptor) {
        if let Some(held) = &self.tls {
            *held.lock().unwrap_or_else(PoisonError::into_inner) = acceptor;
        }
    }
}
