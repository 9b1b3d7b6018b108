//! Who may come in, where to, and how much of everything is taken: the tables that Python keeps.
//!
//! Rules: all slots and bytes are counted here, whoever takes them, and what was taken is a value
//! that gives itself back when it is dropped. While anybody waits for a slot of a lane nobody takes
//! one past them: who is next is Python's to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::head::Head;
use crate::questions::{Event, Questions};

/// Whom a call belongs to.
#[derive(Clone)]
pub struct Tenant {
    pub name: Arc<str>,
    pub header: HeaderValue,
}

/// The slots of one executor.
#[derive(Clone, Copy, Default)]
pub struct Lane {
    pub slots: usize,
    pub running: usize,
    /// Who waits for one, here or in Python.
    pub waiting: usize,
}

/// Digests of API keys and whose they are; nobody needs one where there are none.
pub enum Keys {
    Everyone(Tenant),
    /// A map's own hash of the digest depends on a secret of this process, so that how long a
    /// look-up takes tells nothing of the digests that are there.
    Known(HashMap<[u8; 32], Tenant>),
}

struct State {
    draining: bool,
    inside: usize,
    held: u64,
    keys: Keys,
    routes: HashMap<Box<[u8]>, usize>,
    lanes: Vec<Lane>,
}

pub struct House {
    state: Mutex<State>,
    most_held: u64,
    pub questions: Questions,
}

/// What is to become of a request.
pub enum Decision {
    Go(Entry, Slot),
    /// For a slot of that lane; it has been counted among those who wait.
    Wait(Entry, usize),
    /// Python has to look at the whole of it.
    Doubt,
}

impl House {
    pub fn new(lanes: usize, most_held: u64, keys: Keys, questions: Questions) -> House {
        let state = State {
            draining: false,
            inside: 0,
            held: 0,
            keys,
            routes: HashMap::new(),
            lanes: vec![Lane::default(); lanes],
        };
        House { state: Mutex::new(state), most_held, questions }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn decide(self: &Arc<House>, authorization: Option<&HeaderValue>, head: &Head) -> Decision {
        let digest = authorization.and_then(key).map(|key| Sha256::digest(key).into());
        let mut state = self.state();
        let tenant = match &state.keys {
            Keys::Everyone(tenant) => Some(tenant),
            Keys::Known(keys) => digest.and_then(|digest: [u8; 32]| keys.get(&digest)),
        };
        let (Some(tenant), false) = (tenant.cloned(), state.draining) else {
            return Decision::Doubt;
        };
        let Some(&index) = state.routes.get(head.algorithm.as_bytes()) else {
            return Decision::Doubt;
        };
        state.inside += 1;
        let entry = Entry { house: self.clone(), tenant };
        let lane = &mut state.lanes[index];
        if lane.waiting == 0 && lane.running < lane.slots {
            lane.running += 1;
            return Decision::Go(entry, Slot { house: self.clone(), lane: index });
        }
        lane.waiting += 1;
        Decision::Wait(entry, index)
    }

    pub fn set_keys(&self, keys: Keys) {
        self.state().keys = keys;
    }

    pub fn set_routes(&self, routes: HashMap<Box<[u8]>, usize>) {
        self.state().routes = routes;
    }

    pub fn set_slots(&self, lane: usize, slots: usize) {
        self.state().lanes[lane].slots = slots;
    }

    pub fn lane(&self, lane: usize) -> Lane {
        self.state().lanes[lane]
    }

    /// Take a slot if one is free, whoever waits: for Python, which says who is next.
    pub fn claim(&self, lane: usize) -> bool {
        let lane = &mut self.state().lanes[lane];
        let free = lane.running < lane.slots;
        lane.running += usize::from(free);
        free
    }

    pub fn give_back(&self, lane: usize) {
        let waited_for = {
            let lane = &mut self.state().lanes[lane];
            lane.running -= 1;
            lane.waiting > 0
        };
        if waited_for {
            self.questions.tell(Event::SlotFree(lane));
        }
    }

    pub fn begin_waiting(&self, lane: usize) {
        self.state().lanes[lane].waiting += 1;
    }

    pub fn end_waiting(&self, lane: usize) {
        self.state().lanes[lane].waiting -= 1;
    }

    /// Count bytes in, if they fit.
    pub fn hold(&self, bytes: u64) -> bool {
        let mut state = self.state();
        let fits = state.held + bytes <= self.most_held;
        state.held += if fits { bytes } else { 0 };
        fits
    }

    pub fn let_go(&self, bytes: u64) {
        self.state().held -= bytes;
    }

    pub fn held(&self) -> u64 {
        self.state().held
    }

    pub fn inside(&self) -> usize {
        self.state().inside
    }

    /// Decide nothing from now on: Python refuses what comes. `Idle` is told when nobody is inside.
    pub fn drain(&self) {
        let idle = {
            let mut state = self.state();
            state.draining = true;
            state.inside == 0
        };
        if idle {
            self.questions.tell(Event::Idle);
        }
    }
}

/// The key of `authorization: Bearer <key>`.
fn key(authorization: &HeaderValue) -> Option<&[u8]> {
    let (scheme, key) = authorization.as_bytes().split_at_checked("bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && key.is_ascii() && !key.is_empty()).then_some(key)
}

/// A request that is inside.
pub struct Entry {
    house: Arc<House>,
    pub tenant: Tenant,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let idle = {
            let mut state = self.house.state();
            state.inside -= 1;
            state.draining && state.inside == 0
        };
        if idle {
            self.house.questions.tell(Event::Idle);
        }
    }
}

/// The right to run one request.
pub struct Slot {
    house: Arc<House>,
    lane: usize,
}

impl Slot {
    /// One that was claimed.
    pub fn claimed(house: &Arc<House>, lane: usize) -> Slot {
        Slot { house: house.clone(), lane }
    }

    pub fn lane(&self) -> usize {
        self.lane
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.house.give_back(self.lane);
    }
}

/// The bytes that one request holds.
pub struct Held {
    house: Arc<House>,
    bytes: u64,
}

impl Held {
    pub fn none(house: &Arc<House>) -> Held {
        Held { house: house.clone(), bytes: 0 }
    }

    /// Whether so many more fit.
    pub fn more(&mut self, bytes: usize) -> bool {
        let fits = self.house.hold(bytes as u64);
        self.bytes += if fits { bytes as u64 } else { 0 };
        fits
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.house.let_go(self.bytes);
        }
    }
}
