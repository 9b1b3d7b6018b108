//! The data path as Python holds it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio_rustls::TlsAcceptor;

use crate::accounts::Limits;
use crate::context::{Context, Replica, Stages};
use crate::front::Front;
use crate::house::{House, Known};
use crate::questions::{Questions, Verdict};
use crate::status::Refusal;
use crate::tls;
use crate::upstream::{Address, Upstream};

use super::events;

/// Code, message, details, reason.
type Refused = (u32, String, Vec<u8>, String);
/// `host:port` or `unix:path`, and headers.
type Place = (String, Vec<(String, String)>);
/// Tenant, by what it was shown, scopes, until when.
type Shown = (String, String, Vec<Vec<String>>, Option<f64>);
/// Certificate chain, key, authorities of callers.
type Secured = (Vec<u8>, Vec<u8>, Option<Vec<u8>>);

#[pyclass(frozen, module = "edgemesh_datapath")]
pub struct DataPath {
    cx: Arc<Context>,
    front: Mutex<Option<Front>>,
}

#[pymethods]
impl DataPath {
    #[new]
    #[pyo3(signature = (*, inner, executors, most_request, most_held, stages, tls=None, traced=false))]
    fn new(
        inner: PathBuf,
        executors: Vec<Vec<Place>>,
        most_request: usize,
        most_held: u64,
        stages: HashMap<String, Refused>,
        tls: Option<Secured>,
        traced: bool,
    ) -> PyResult<DataPath> {
        let questions = Questions::new().map_err(|error| PyOSError::new_err(error.to_string()))?;
        let executors = executors
            .into_iter()
            .map(|places| places.into_iter().map(replica).collect())
            .collect::<PyResult<Vec<Vec<_>>>>()?;
        let replicas = executors.iter().map(Vec::len).collect::<Vec<_>>();
        let house = Arc::new(House::new(&replicas, most_held, questions));
        let stages = Stages {
            arrival: stage(&stages, "arrival")?,
            queue: stage(&stages, "queue")?,
            dispatch: stage(&stages, "dispatch")?,
            executor: stage(&stages, "executor")?,
            delivery: stage(&stages, "delivery")?,
        };
        let tls = tls.map(acceptor).transpose()?.map(Mutex::new);
        let inner = Upstream::new(Address::Unix(inner));
        let cx = Context { house, executors, inner, stages, tls, most_request, traced };
        Ok(DataPath { cx: Arc::new(cx), front: Mutex::new(None) })
    }

    fn start(&self, py: Python<'_>, listeners: Vec<RawFd>) -> PyResult<()> {
        // SAFETY: the caller has given up the descriptors, which are listening sockets.
        let owned = listeners.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        let listeners = owned.map(TcpListener::from).collect::<Vec<_>>();
        let cx = self.cx.clone();
        let front = py.detach(move || {
            for listener in &listeners {
                listener.set_nonblocking(true)?;
            }
            Front::start(listeners, cx)
        });
        let front = front.map_err(|error| PyOSError::new_err(error.to_string()))?;
        let mut held = self.front.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Err(PyRuntimeError::new_err("it runs already"));
        }
        *held = Some(front);
        Ok(())
    }

    fn stop(&self, py: Python<'_>, grace_s: f64) {
        let front = self.front.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(front) = front {
            py.detach(|| front.stop(Duration::try_from_secs_f64(grace_s).unwrap_or_default()));
        }
    }

    fn fileno(&self) -> RawFd {
        self.cx.house.questions.bell()
    }

    fn take<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let events = self.cx.house.questions.take();
        events.into_iter().map(|event| events::event(py, event)).collect()
    }

    fn records<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let records = self.cx.house.questions.take_records();
        records.into_iter().map(|record| events::record(py, record)).collect()
    }

    fn grant(&self, question: u64, lane: usize, replica: usize) -> bool {
        let granted = self.cx.house.questions.answer(question, Verdict::Go(replica));
        if !granted {
            self.cx.house.give_back(lane, replica);
        }
        granted
    }

    fn refuse(&self, question: u64, code: u32, message: String, details: Vec<u8>, reason: String) {
        let refusal = Refusal { code, message, details: details.into(), reason };
        self.cx.house.questions.answer(question, Verdict::Refuse(refusal));
    }

    fn pass_on(&self, question: u64, reason: String) {
        self.cx.house.questions.answer(question, Verdict::AsItIs(reason));
    }

    fn send_again(&self, question: u64, replica: usize) -> bool {
        self.cx.house.questions.answer(question, Verdict::Again(replica))
    }

    fn set_everyone(&self, everyone: Option<Shown>) -> PyResult<()> {
        self.cx.house.set_everyone(everyone.map(known).transpose()?);
        Ok(())
    }

    fn set_identities(&self, identities: HashMap<[u8; 32], Shown>) -> PyResult<()> {
        let all = identities.into_iter().map(|(digest, shown)| Ok((digest, known(shown)?)));
        self.cx.house.set_identities(all.collect::<PyResult<_>>()?);
        Ok(())
    }

    fn learn(&self, digest: [u8; 32], identity: Shown) -> PyResult<()> {
        self.cx.house.learn(digest, known(identity)?);
        Ok(())
    }

    #[pyo3(signature = (tenant, *, most_inside, most_bytes, classes, rated, spent))]
    fn set_limits(
        &self,
        tenant: &str,
        most_inside: Option<usize>,
        most_bytes: Option<usize>,
        classes: u8,
        rated: bool,
        spent: bool,
    ) {
        let most_inside = most_inside.unwrap_or(usize::MAX);
        let most_bytes = most_bytes.unwrap_or(usize::MAX);
        let limits = Limits { most_inside, most_bytes, classes, rated, spent };
        self.cx.house.set_limits(tenant, limits);
    }

    fn enter(&self, tenant: &str) -> bool {
        self.cx.house.enter(tenant)
    }

    fn leave(&self, tenant: &str) {
        self.cx.house.leave(tenant);
    }

    fn credit(&self, tenant: &str, calls: u64, seconds: f64) {
        let time = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        self.cx.house.credit(tenant, calls, Instant::now() + time);
    }

    fn spend(&self, tenant: &str) -> bool {
        self.cx.house.spend(tenant)
    }

    fn take_ran(&self) -> Vec<(String, f64)> {
        let ran = self.cx.house.take_ran();
        ran.into_iter().map(|(tenant, seconds)| (tenant.to_string(), seconds)).collect()
    }

    fn set_tls(&self, tls: Secured) -> PyResult<()> {
        self.cx.set_tls(acceptor(tls)?);
        Ok(())
    }

    fn set_routes(&self, routes: HashMap<String, usize>) -> PyResult<()> {
        if routes.values().any(|&lane| lane >= self.cx.executors.len()) {
            return Err(PyValueError::new_err("a route to no executor"));
        }
        let routes = routes.into_iter().map(|(name, lane)| (name.into_bytes().into(), lane));
        self.cx.house.set_routes(routes.collect());
        Ok(())
    }

    fn set_slots(&self, lane: usize, replica: usize, slots: usize) {
        self.cx.house.set_slots(lane, replica, slots);
    }

    fn running(&self, lane: usize) -> Vec<usize> {
        self.cx.house.lane(lane).replicas.iter().map(|counts| counts.running).collect()
    }

    fn answered(&self, lane: usize, replica: usize) -> u64 {
        self.cx.executors[lane][replica].answered.load(Ordering::Relaxed)
    }

    fn claim(&self, lane: usize) -> Option<usize> {
        self.cx.house.claim(lane)
    }

    fn claim_first(&self, lane: usize) -> Option<usize> {
        self.cx.house.claim_first(lane)
    }

    fn running_by_class(&self, lane: usize) -> (usize, usize, usize) {
        self.cx.house.lane(lane).by_class.into()
    }

    fn give_back(&self, lane: usize, replica: usize) {
        self.cx.house.give_back(lane, replica);
    }

    fn exchange(&self, lane: usize, replica: usize, other: usize) -> bool {
        self.cx.house.exchange(lane, replica, other)
    }

    fn begin_waiting(&self, lane: usize) {
        self.cx.house.begin_waiting(lane);
    }

    fn end_waiting(&self, lane: usize) {
        self.cx.house.end_waiting(lane);
    }

    fn hold(&self, size: u64) -> bool {
        self.cx.house.hold(size)
    }

    fn let_go(&self, size: u64) {
        self.cx.house.let_go(size);
    }

    fn held(&self) -> u64 {
        self.cx.house.held()
    }

    fn inside(&self) -> usize {
        self.cx.house.inside()
    }

    fn drain(&self) {
        self.cx.house.drain();
    }
}

fn known((tenant, who, scopes, until): Shown) -> PyResult<Known> {
    let header = HeaderValue::from_str(&tenant);
    let header = header.map_err(|_| PyValueError::new_err("a tenant that is no header"))?;
    let until = until.map(|until| {
        SystemTime::UNIX_EPOCH + Duration::try_from_secs_f64(until).unwrap_or_default()
    });
    Ok(Known { tenant: tenant.into(), who: who.into(), header, scopes, until })
}

fn acceptor((chain, key, callers): Secured) -> PyResult<TlsAcceptor> {
    tls::acceptor(&chain, &key, callers.as_deref()).map_err(PyValueError::new_err)
}

fn stage(stages: &HashMap<String, Refused>, name: &str) -> PyResult<Refusal> {
    let found = stages.get(name).cloned();
    let found = found.ok_or_else(|| PyValueError::new_err(format!("no refusal of {name}")));
    let (code, message, details, reason) = found?;
    Ok(Refusal { code, message, details: details.into(), reason })
}

fn replica((address, headers): Place) -> PyResult<Replica> {
    let address = match address.strip_prefix("unix:") {
        Some(path) => Address::Unix(path.into()),
        None => Address::Tcp(address),
    };
    let mut identity = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name);
        let (Ok(name), Ok(mut value)) = (name, HeaderValue::try_from(value)) else {
            return Err(PyValueError::new_err("an identity that is no header"));
        };
        value.set_sensitive(true);
        identity.insert(name, value);
    }
    Ok(Replica::new(address, identity))
}
