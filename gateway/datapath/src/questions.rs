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
    Ask {
        id: u64,
        lane: usize,
        priority: u8,
        tenant: Arc<str>,
        /// Bytes of its message.
        size: usize,
        left: Option<Duration>,
    },
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;

    use super::*;
    use crate::head::Head;
    use crate::house::{Decision, Known, Lane};

    fn house() -> Arc<House> {
        let everyone = Known {
            tenant: "t".into(),
            who: "".into(),
            header: HeaderValue::from_static("t"),
            scopes: vec![],
            until: None,
        };
        let questions = Questions::new().expect("an eventfd");
        let house = Arc::new(House::new(1, 1000, questions));
        house.set_everyone(Some(everyone));
        house.set_slots(0, 1);
        house.set_routes([(b"a.b"[..].into(), 0)].into());
        house
    }

    fn decide(house: &Arc<House>) -> Decision {
        house.decide(None, None, &Head { algorithm: "a.b".into(), ..Head::default() }, 1)
    }

    fn waits(house: &Arc<House>) -> (u64, Asked) {
        let Decision::Wait(_, lane) = decide(house) else { panic!("a slot was free") };
        let tenant: Arc<str> = "t".into();
        let event = |id| Event::Ask { id, lane, priority: 0, tenant, size: 1, left: None };
        let asked = Questions::ask(house, Some(lane), event);
        (asked.id, asked)
    }

    fn counts(house: &House) -> (usize, usize) {
        let Lane { running, waiting, .. } = house.lane(0);
        (running, waiting)
    }

    #[test]
    fn a_caller_that_leaves_while_its_slot_is_on_the_way_gives_it_back() {
        let house = house();
        let Decision::Go(_, slot) = decide(&house) else { panic!("a slot is free") };
        let (id, asked) = waits(&house);
        drop(slot);
        assert!(house.claim(0));
        assert!(house.questions.answer(id, Verdict::Go));
        assert_eq!(counts(&house), (1, 1));
        drop(asked);
        assert_eq!(counts(&house), (0, 0));
        let told = house.questions.take();
        assert!(!told.iter().any(|event| matches!(event, Event::Gone(_))));
    }

    #[test]
    fn a_caller_that_leaves_first_is_told_of_and_gets_nothing() {
        let house = house();
        let Decision::Go(_, _slot) = decide(&house) else { panic!("a slot is free") };
        let (id, asked) = waits(&house);
        drop(asked);
        assert_eq!(counts(&house), (1, 0));
        assert!(!house.questions.answer(id, Verdict::Go));
        let told = house.questions.take();
        assert!(told.iter().any(|event| matches!(event, Event::Gone(gone) if *gone == id)));
    }

    #[test]
    fn nobody_takes_a_slot_past_those_who_wait() {
        let house = house();
        let Decision::Go(_, slot) = decide(&house) else { panic!("a slot is free") };
        let (_, _asked) = waits(&house);
        drop(slot);
        assert!(house.questions.take().iter().any(|event| matches!(event, Event::SlotFree(0))));
        assert!(matches!(decide(&house), Decision::Wait(..)));
        assert!(!house.claim_first(0));
        assert!(house.claim(0));
    }

    #[test]
    fn a_slot_is_counted_in_its_class_while_it_is_held() {
        let house = house();
        let Decision::Go(entry, mut slot) = decide(&house) else { panic!("a slot is free") };
        slot.charge(&entry, 3);
        assert_eq!(house.lane(0).by_class, [0, 0, 1]);
        drop(slot);
        assert_eq!(house.lane(0).by_class, [0; 3]);
        assert!(house.claim_first(0));
        assert_eq!(house.lane(0).by_class, [0; 3]);
    }

    #[test]
    fn a_drained_house_leaves_all_to_python_and_says_when_it_is_empty() {
        let house = house();
        let Decision::Go(entry, _slot) = decide(&house) else { panic!("a slot is free") };
        house.drain();
        assert!(matches!(decide(&house), Decision::Doubt));
        assert!(house.questions.take().is_empty());
        drop(entry);
        assert!(matches!(house.questions.take()[..], [Event::Idle]));
    }

    #[test]
    fn bytes_that_do_not_fit_are_not_counted() {
        let house = house();
        let mut held = crate::house::Held::none(&house);
        assert!(held.more(600));
        assert!(!held.more(600));
        assert_eq!(house.held(), 600);
        drop(held);
        assert_eq!(house.held(), 0);
    }
}
