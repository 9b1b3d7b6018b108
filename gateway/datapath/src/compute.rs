//! One Compute or ComputeStream: read → decide → (wait) → forward → end, read here top-down.
//!
//! Rules: the message is read whole, within what the house holds, so that it can be looked at and
//! sent once more; what is in doubt goes to Python as it came. What was taken gives itself back,
//! however the call ends. Whatever fails is judged by Python.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use h2::RecvStream;
use http::header::{AUTHORIZATION, CONTENT_TYPE, TE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use tokio::time::Instant;

use crate::answer::{Answer, End};
use crate::arrival::{self, PREFIX, Read};
use crate::context::{Context, Replica};
use crate::head::{self, Head};
use crate::house::{self, Decision};
use crate::peer::Peer;
use crate::questions::{Event, Questions, Verdict};
use crate::records::Record;
use crate::reply::Reply;
use crate::rope::Rope;
use crate::status::{self, Refusal};
use crate::taken::{Entry, Held, Slot};
use crate::way::Way;
use crate::{pipe, relay, timeout};

pub const COMPUTE: &str = "/edgemesh.compute.v1.ComputeService/Compute";
pub const COMPUTE_STREAM: &str = "/edgemesh.compute.v1.ComputeService/ComputeStream";
pub const REQUEST_ID: &str = "edgemesh-request-id";
/// What stands for the caller of a program that calls: Python knows what it is worth.
pub const TICKET: &str = "edgemesh-ticket";
const TENANT: &str = "edgemesh-tenant";
/// What is kept of the caller's time to answer in: the smaller of both.
const MARGIN: Duration = Duration::from_millis(20);
const MARGIN_SHARE: u32 = 20;

/// How a call ended, for its record.
enum Outcome {
    Answered,
    Left,
    Refused(Refusal),
}

/// An admitted call.
struct Call {
    stream: bool,
    message: Rope,
    request_id: String,
    entry: Entry,
    /// As on the wire.
    priority: u8,
    deadline: Option<Instant>,
}

/// Serve a call of one of the two methods.
pub async fn serve(
    stream: bool,
    parts: Parts,
    mut body: RecvStream,
    mut reply: Reply,
    peer: &Peer,
    cx: &Arc<Context>,
) {
    let began = Instant::now();
    let deadline = timeout::of(&parts.headers).map(|left| began + left);
    let certificate = peer.certificate.as_ref().map(|shown| &shown.digest);
    let shown = house::shown(parts.headers.get(AUTHORIZATION), certificate);
    if !cx.house.knows(shown.as_ref()) {
        // A stranger's bytes take no room from those of others.
        let nothing = Rope::default();
        return relay::pass(parts, nothing, body, reply.into_inner(), peer, deadline, cx).await;
    }
    let mut message = Rope::default();
    let mut held = Held::none(&cx.house);
    let read =
        within(deadline, arrival::read(&mut body, &mut message, &mut held, cx.most_request)).await;
    let head = match read {
        Some(Read::Whole(head)) => head,
        Some(Read::Doubt) => {
            drop(held);
            return relay::pass(parts, message, body, reply.into_inner(), peer, deadline, cx).await;
        }
        Some(Read::Left) => return,
        Some(Read::Stalled) | None => return reply.end(status::refused(&cx.stages.arrival)),
    };
    let size = message.len().saturating_sub(PREFIX);
    let decision = if cx.doubts(&parts.headers) {
        Decision::Doubt
    } else {
        cx.house.decide(shown.as_ref(), &head, size)
    };
    let (entry, place) = match decision {
        Decision::Go(entry, slot) => (entry, Ok(slot)),
        Decision::Wait(entry, lane) => (entry, Err(lane)),
        Decision::Doubt => {
            drop(held);
            return relay::pass(parts, message, body, reply.into_inner(), peer, deadline, cx).await;
        }
    };
    let request_id = identify(&head, &parts.headers);
    let call = Call { stream, message, request_id, entry, priority: head.priority, deadline };
    let mut way = Way::default();
    let outcome = match place {
        Ok(slot) => forward(&call, slot, &mut reply, &mut way, cx).await,
        Err(lane) => {
            let since = Instant::now();
            let waited = wait(&call, lane, &mut reply, cx).await;
            way.queued = since.elapsed();
            match waited {
                Ok(slot) => forward(&call, slot, &mut reply, &mut way, cx).await,
                Err(outcome) => outcome,
            }
        }
    };
    let (code, refusal) = match outcome {
        Outcome::Answered => (status::OK, None),
        Outcome::Left => (status::CANCELLED, None),
        Outcome::Refused(refusal) => {
            let said = (!refusal.reason.is_empty()).then_some((refusal.reason, refusal.message));
            (refusal.code, said)
        }
    };
    cx.house.questions.record(Record {
        stream,
        code,
        seconds: began.elapsed().as_secs_f64(),
        ended: SystemTime::now(),
        request_id: call.request_id,
        identity: call.entry.identity.clone(),
        algorithm: head.algorithm,
        refusal,
        received: size,
        way,
    });
}

/// The id by which a request is found in logs: its own, its caller's, or a fresh one.
fn identify(head: &Head, headers: &HeaderMap) -> String {
    if !head.request_id.is_empty() {
        return head.request_id.clone();
    }
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(given) = given.filter(|id| head::is_id(id)) {
        return given.to_owned();
    }
    let mut random = [0u8; 12];
    // Without the kernel's randomness nothing works; an id of zeros breaks nothing.
    let _ = getrandom::fill(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Wait for a slot of a lane.
async fn wait(
    call: &Call,
    lane: usize,
    reply: &mut Reply,
    cx: &Arc<Context>,
) -> Result<Slot, Outcome> {
    let priority = call.priority;
    let tenant = call.entry.identity.tenant.clone();
    let size = call.message.len();
    let left = call.deadline.map(|at| at.saturating_duration_since(Instant::now()));
    let event = |id| Event::Ask { id, lane, priority, tenant, size, left };
    let mut asked = Questions::ask(&cx.house, Some(lane), event);
    let answered = within(call.deadline, unless_left(reply, asked.answered())).await;
    match answered {
        Some(Some((Verdict::Refuse(refusal), _))) => Err(refuse(reply, refusal)),
        Some(Some((_, Some(slot)))) => Ok(slot),
        Some(Some(_)) => Err(refuse(reply, cx.stages.queue.clone())),
        Some(None) => Err(Outcome::Left),
        None => Err(refuse(reply, cx.stages.queue.clone())),
    }
}

/// Send the call to its slot's replica, and note how long it had the slot.
async fn forward(
    call: &Call,
    slot: Slot,
    reply: &mut Reply,
    way: &mut Way,
    cx: &Arc<Context>,
) -> Outcome {
    let since = Instant::now();
    let outcome = send(call, slot, reply, way, cx).await;
    way.ran = way.ended.unwrap_or_else(Instant::now).saturating_duration_since(since);
    outcome
}

/// Send it, once more if it never started and Python says where to.
async fn send(
    call: &Call,
    mut slot: Slot,
    reply: &mut Reply,
    way: &mut Way,
    cx: &Arc<Context>,
) -> Outcome {
    let (lane, mut replica) = (slot.lane(), slot.replica());
    slot.charge(&call.entry, call.priority);
    let mut slot = Some(slot);
    let mut second = false;
    loop {
        let time = call.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            left - MARGIN.min(left / MARGIN_SHARE)
        });
        if time == Some(Duration::ZERO) {
            return refuse(reply, cx.stages.dispatch.clone());
        }
        let until = time.map(|time| Instant::now() + time);
        let at = &cx.executors[lane][replica];
        way.place = Some((lane, replica));
        let failure = match within(until, attempt(call, at, time, &mut slot, reply, way)).await {
            Some(End::Answered) => {
                at.answered.fetch_add(1, Ordering::Relaxed);
                return Outcome::Answered;
            }
            Some(End::Left) => return Outcome::Left,
            Some(End::Stalled) => return refuse(reply, cx.stages.delivery.clone()),
            Some(End::Failed(failure)) => failure,
            None => return refuse(reply, cx.stages.executor.clone()),
        };
        let trailers = failure.trailers.clone();
        let (code, message) = (failure.code, failure.message.clone());
        let left = call.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let request_id = call.request_id.clone();
        let event = |id| Event::Failed { id, lane, replica, failure, request_id, left, second };
        let mut asked = Questions::ask(&cx.house, None, event);
        match within(call.deadline, unless_left(reply, asked.answered())).await {
            Some(Some((Verdict::Again(other), _))) if slot.is_some() => {
                second = true;
                replica = other;
                // Where no slot is free there it is one more than there are, and waits there.
                slot.iter_mut().for_each(|slot| slot.exchange(other));
            }
            Some(Some((Verdict::Refuse(refusal), _))) => return refuse(reply, refusal),
            Some(Some((verdict, _))) => {
                reply.end(trailers.map_or_else(|| status::plain(code, &message), status::passed));
                let reason = match verdict {
                    Verdict::AsItIs(reason) => reason,
                    _ => String::new(),
                };
                return Outcome::Refused(Refusal { code, reason, ..Refusal::default() });
            }
            Some(None) => return Outcome::Left,
            None => return refuse(reply, cx.stages.executor.clone()),
        }
    }
}

/// Send it and bring back what comes.
async fn attempt(
    call: &Call,
    at: &Replica,
    time: Option<Duration>,
    slot: &mut Option<Slot>,
    reply: &mut Reply,
    way: &mut Way,
) -> End {
    let (mut sender, _open) = match unless_left(reply, at.upstream.ready()).await {
        Some(Ok(ready)) => ready,
        Some(Err(failure)) => return End::Failed(failure),
        None => return End::Left,
    };
    let path = if call.stream { &at.execute_stream } else { &at.execute };
    let request = request(path, call, &at.identity, time);
    let (response, mut up) = match sender.send_request(request, false) {
        Ok(sent) => sent,
        Err(error) => return End::Failed(status::broken(&error, false)),
    };
    drop(sender);
    let sending = async {
        let (last, pieces) = call.message.pieces().split_last()?;
        for piece in pieces {
            pipe::send(&mut up, piece.clone(), false).await.ok()?;
        }
        pipe::send(&mut up, last.clone(), true).await.ok()
    };
    tokio::pin!(sending);
    let mut answer = Answer::new(response, call.stream);
    let mut sent = false;
    let noted = Noted { answer: &mut answer, way };
    poll_fn(|cx| {
        // Should it fail, the answer says why.
        sent = sent || sending.as_mut().poll(cx).is_ready();
        noted.answer.poll(reply, slot, cx)
    })
    .await
}

/// An answer of which is noted what came, also where nobody waits for the rest.
struct Noted<'a> {
    answer: &'a mut Answer,
    way: &'a mut Way,
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.answer.note(self.way);
    }
}

fn request(path: &Uri, call: &Call, identity: &HeaderMap, time: Option<Duration>) -> Request<()> {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(TE, HeaderValue::from_static("trailers"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.extend(identity.clone());
    headers.insert(TENANT, call.entry.identity.header.clone());
    if let Ok(id) = HeaderValue::from_str(&call.request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if let Some(time) = time {
        headers.insert(timeout::NAME, timeout::value(time));
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.clone();
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    request
}

fn refuse(reply: &mut Reply, refusal: Refusal) -> Outcome {
    reply.end(status::refused(&refusal));
    Outcome::Refused(refusal)
}

/// What `work` gives by then; None: it took longer.
async fn within<T>(until: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match until {
        Some(until) => tokio::time::timeout_at(until, work).await.ok(),
        None => Some(work.await),
    }
}

/// What `work` gives; None: the caller left.
async fn unless_left<T>(reply: &mut Reply, work: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(work);
    poll_fn(|cx| {
        if let std::task::Poll::Ready(done) = work.as_mut().poll(cx) {
            return std::task::Poll::Ready(Some(done));
        }
        reply.poll_left(cx).map(|()| None)
    })
    .await
}
