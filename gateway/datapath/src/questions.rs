//! What Python has to hear or to decide, in batches, and the callers that wait for its word.
//!
//! Rules: nothing here waits for Python or its lock. A bell (an eventfd) rings once for a batch. A
//! caller that leaves while its verdict is on its way leaves a verdict that nobody reads: what it
//! gave is given back here.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::house::{House, Slot};
use crate::records::Record;
use crate::status::{Failure, Refusal};

/// Records that wait until they are told without anything else.
const RECORDS: usize = 512;

/// What Python is told.
pub enum Event {
    /// A request waits for a slot of a lane.
    Ask { id: u64, lane: usize, priority: u8 },
    /// A slot of a lane that somebody waits for was given back.
    SlotFree(usize),
    /// The caller of a question has left.
    Gone(u64),
    /// An executor failed a request: what now?
    Failed {
        id: u64,
        lane: usize,
        failure: Failure,
        request_id: String,
        left: Option<Duration>,
        /// Whether it was sent again already.
        second: bool,
    },
    /// Nobody is inside any more.
    Idle,
}

/// What Python says.
pub enum Verdict {
    /// A slot was claimed for it.
    Go,
    Refuse(Refusal),
    /// Tell the caller what the executor said.
    AsItIs,
    /// Send it once more.
    Again,
}

pub struct Questions {
    events: Mutex<Vec<Event>>,
    records: Mutex<Vec<Record>>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Verdict>>>,
    next: AtomicU64,
    bell: OwnedFd,
}

impl Questions {
    pub fn new() -> io::Result<Questions> {
        // SAFETY: eventfd has no preconditions; a descriptor that it gives is nobody else's.
        let bell = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if bell < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Questions {
            events: Mutex::default(),
            records: Mutex::default(),
            waiting: Mutex::default(),
            next: AtomicU64::new(1),
            // SAFETY: as above.
            bell: unsafe { OwnedFd::from_raw_fd(bell) },
        })
    }

    pub fn bell(&self) -> RawFd {
        self.bell.as_raw_fd()
    }

    pub fn tell(&self, event: Event) {
        let first = {
            let mut events = lock(&self.events);
            events.push(event);
            events.len() == 1
        };
        if first {
            self.ring();
        }
    }

    pub fn record(&self, record: Record) {
        let many = {
            let mut records = lock(&self.records);
            records.push(record);
            records.len() == RECORDS
        };
        if many {
            self.ring();
        }
    }

    fn ring(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the descriptor is ours, and eight bytes are read from `one`.
        unsafe { libc::write(self.bell(), one.as_ptr().cast(), one.len()) };
    }

    /// All events since the last call, the bell silenced before they are taken.
    pub fn take(&self) -> Vec<Event> {
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is ours, and eight bytes are written to `count`.
        unsafe { libc::read(self.bell(), count.as_mut_ptr().cast(), count.len()) };
        std::mem::take(&mut *lock(&self.events))
    }

    pub fn take_records(&self) -> Vec<Record> {
        std::mem::take(&mut *lock(&self.records))
    }

    /// Ask; the event is made with the question's id. `lane`: where the caller waits for a slot.
    pub fn ask(house: &Arc<House>, lane: Option<usize>, event: impl FnOnce(u64) -> Event) -> Asked {
        let this = &house.questions;
        let id = this.next.fetch_add(1, Ordering::Relaxed);
        let (sender, verdict) = oneshot::channel();
        lock(&this.waiting).insert(id, sender);
        this.tell(event(id));
        Asked { house: house.clone(), id, lane, verdict }
    }

    /// Answer a question; false: its caller has left.
    pub fn answer(&self, id: u64, verdict: Verdict) -> bool {
        let sender = lock(&self.waiting).remove(&id);
        sender.is_some_and(|sender| sender.send(verdict).is_ok())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A question that is open.
pub struct Asked {
    house: Arc<House>,
    id: u64,
    lane: Option<usize>,
    verdict: oneshot::Receiver<Verdict>,
}

impl Asked {
    /// The verdict, and the slot that it gives.
    pub async fn answered(&mut self) -> (Verdict, Option<Slot>) {
        let verdict = (&mut self.verdict).await;
        let lane = self.leave();
        match verdict {
            Ok(Verdict::Go) => (Verdict::Go, lane.map(|lane| Slot::claimed(&self.house, lane))),
            Ok(verdict) => (verdict, None),
            // Python has let go of all questions: it is stopping.
            Err(_) => (Verdict::Refuse(Refusal { code: 14, ..Refusal::default() }), None),
        }
    }

    fn leave(&mut self) -> Option<usize> {
        let lane = self.lane.take();
        if let Some(lane) = lane {
            self.house.end_waiting(lane);
        }
        lane
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.verdict.close();
        let came = self.verdict.try_recv();
        // A verdict that was read left `Empty` or `Closed` behind, and no lane.
        if let (Some(lane), Ok(Verdict::Go)) = (self.leave(), came) {
            drop(Slot::claimed(&self.house, lane));
        }
        if lock(&self.house.questions.waiting).remove(&self.id).is_some() {
            self.house.questions.tell(Event::Gone(self.id));
        }
    }
}
