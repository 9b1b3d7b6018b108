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

use crate::house::House;
use crate::records::Record;
use crate::status::{Failure, Refusal};
use crate::taken::Slot;

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
        replica: usize,
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
    /// A slot of that replica's was claimed for it.
    Go(usize),
    Refuse(Refusal),
    /// Tell the caller what the executor said; the mesh's reason in it, for the record.
    AsItIs(String),
    /// Send it once more, to that replica.
    Again(usize),
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
            Ok(Verdict::Go(replica)) => {
                let slot = lane.map(|lane| Slot::claimed(&self.house, lane, replica));
                (Verdict::Go(replica), slot)
            }
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
        if let (Some(lane), Ok(Verdict::Go(replica))) = (self.leave(), came) {
            drop(Slot::claimed(&self.house, lane, replica));
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
    use crate::house::{Decision, Known};

    /// An executor of one replica.
    fn house() -> Arc<House> {
        house_of(&[1])
    }

    /// An executor of replicas with so many slots.
    fn house_of(slots: &[usize]) -> Arc<House> {
        let everyone = Known {
            tenant: "t".into(),
            who: "".into(),
            header: HeaderValue::from_static("t"),
            scopes: vec![],
            until: None,
        };
        let questions = Questions::new().expect("an eventfd");
        let house = Arc::new(House::new(&[slots.len()], 1000, questions));
        house.set_everyone(Some(everyone));
        for (replica, &slots) in slots.iter().enumerate() {
            house.set_slots(0, replica, slots);
        }
        house.set_routes([(b"a.b"[..].into(), 0)].into());
        house
    }

    fn decide(house: &Arc<House>) -> Decision {
        house.decide(None, &Head { algorithm: "a.b".into(), ..Head::default() }, 1)
    }

    fn waits(house: &Arc<House>) -> (u64, Asked) {
        let Decision::Wait(_, lane) = decide(house) else { panic!("a slot was free") };
        let tenant: Arc<str> = "t".into();
        let event = |id| Event::Ask { id, lane, priority: 0, tenant, size: 1, left: None };
        let asked = Questions::ask(house, Some(lane), event);
        (asked.id, asked)
    }

    fn counts(house: &House) -> (usize, usize) {
        let lane = house.lane(0);
        (lane.replicas.iter().map(|counts| counts.running).sum(), lane.waiting)
    }

    #[test]
    fn a_caller_that_leaves_while_its_slot_is_on_the_way_gives_it_back() {
        let house = house();
        let Decision::Go(_, slot) = decide(&house) else { panic!("a slot is free") };
        let (id, asked) = waits(&house);
        drop(slot);
        assert_eq!(house.claim(0), Some(0));
        assert!(house.questions.answer(id, Verdict::Go(0)));
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
        assert!(!house.questions.answer(id, Verdict::Go(0)));
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
        assert_eq!(house.claim_first(0), None);
        assert_eq!(house.claim(0), Some(0));
    }

    #[test]
    fn a_slot_is_counted_in_its_class_while_it_is_held() {
        let house = house();
        let Decision::Go(entry, mut slot) = decide(&house) else { panic!("a slot is free") };
        slot.charge(&entry, 3);
        assert_eq!(house.lane(0).by_class, [0, 0, 1]);
        drop(slot);
        assert_eq!(house.lane(0).by_class, [0; 3]);
        assert_eq!(house.claim_first(0), Some(0));
        assert_eq!(house.lane(0).by_class, [0; 3]);
    }

    /// Takes them all; whose they were.
    fn taken(house: &House) -> Vec<usize> {
        std::iter::from_fn(|| house.claim(0)).collect()
    }

    #[test]
    fn replicas_that_are_equal_take_turns() {
        let house = house_of(&[2, 2, 2]);
        assert_eq!(taken(&house), [0, 1, 2, 0, 1, 2]);
        for _ in 0..6 {
            house.give_back(0, 1);
            assert_eq!(house.claim(0), Some(1));
        }
        let idle = house_of(&[4, 4]);
        for expected in [0, 1, 0, 1] {
            assert_eq!(idle.claim(0), Some(expected));
            idle.give_back(0, expected);
        }
    }

    #[test]
    fn the_one_of_which_the_largest_share_is_free_is_taken() {
        assert_eq!(taken(&house_of(&[1, 4])), [0, 1, 1, 1, 1]);
        assert_eq!(taken(&house_of(&[0, 2])), [1, 1]);
    }

    #[test]
    fn a_replica_that_has_left_is_not_taken_and_what_it_had_is_given_back() {
        let house = house_of(&[1, 1]);
        let Decision::Go(_, slot) = decide(&house) else { panic!("a slot is free") };
        assert_eq!(slot.replica(), 0);
        house.set_slots(0, 0, 0);
        assert_eq!(taken(&house), [1]);
        drop(slot);
        assert_eq!(counts(&house), (1, 0));
        assert_eq!(house.claim(0), None);
    }

    #[test]
    fn a_slot_is_exchanged_for_a_free_one_and_who_waits_hears_of_it() {
        let house = house_of(&[1, 1]);
        let Decision::Go(_, mut slot) = decide(&house) else { panic!("a slot is free") };
        slot.exchange(1);
        assert_eq!((slot.replica(), house.claim(0)), (1, Some(0)));
        let (_, _asked) = waits(&house);
        house.questions.take();
        slot.exchange(0);
        assert_eq!(slot.replica(), 1);
        house.set_slots(0, 0, 2);
        slot.exchange(0);
        assert_eq!(slot.replica(), 0);
        assert!(house.questions.take().iter().any(|event| matches!(event, Event::SlotFree(0))));
        drop(slot);
        assert_eq!(counts(&house), (1, 1));
    }

    #[test]
    fn what_has_a_session_is_pythons_where_there_are_several_replicas() {
        let head = || Head { algorithm: "a.b".into(), session: true, ..Head::default() };
        let of = |house: &Arc<House>| house.decide(None, &head(), 1);
        assert!(matches!(of(&house_of(&[1, 1])), Decision::Doubt));
        assert!(matches!(of(&house_of(&[1])), Decision::Go(..)));
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
        let mut held = crate::taken::Held::none(&house);
        assert!(held.more(600));
        assert!(!held.more(600));
        assert_eq!(house.held(), 600);
        drop(held);
        assert_eq!(house.held(), 0);
    }
}
