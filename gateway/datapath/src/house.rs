//! Who may come in, where to, and how much of everything is taken: the tables that Python keeps.
//!
//! Rules: all slots and bytes are counted here, whoever takes them, and what was taken is a value
//! that gives itself back when it is dropped. While anybody waits for a slot of a lane nobody takes
//! one past them: who is next is Python's to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use http::HeaderValue;
use sha2::{Digest, Sha256};

use crate::accounts::{Accounts, Limits};
use crate::head::Head;
use crate::identity::{Identities, Identity};
use crate::lane::Lane;
use crate::questions::{Event, Questions};
use crate::taken::{Entry, Slot};

struct State {
    draining: bool,
    inside: usize,
    held: u64,
    identities: Identities,
    accounts: Accounts,
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
    /// `replicas`: how many each executor has.
    pub fn new(replicas: &[usize], most_held: u64, questions: Questions) -> House {
        let state = State {
            draining: false,
            inside: 0,
            held: 0,
            identities: Identities::default(),
            accounts: Accounts::default(),
            routes: HashMap::new(),
            lanes: replicas.iter().copied().map(Lane::new).collect(),
        };
        House { state: Mutex::new(state), most_held, questions }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a caller is known by what it has shown (see `shown`), or is nobody where all may call.
    pub fn knows(&self, shown: Option<&[u8; 32]>) -> bool {
        self.state().identities.find(shown).is_some()
    }

    /// `shown`: see there; `size`: the message's bytes.
    pub fn decide(
        self: &Arc<House>,
        shown: Option<&[u8; 32]>,
        head: &Head,
        size: usize,
    ) -> Decision {
        let mut state = self.state();
        let State { identities, accounts, routes, lanes, draining, inside, .. } = &mut *state;
        let (Some(identity), false) = (identities.find(shown), *draining) else {
            return Decision::Doubt;
        };
        let Some(&index) = routes.get(head.algorithm.as_bytes()) else {
            return Decision::Doubt;
        };
        // Its replica is Python's to say.
        if head.session && lanes[index].replicas.len() > 1 {
            return Decision::Doubt;
        }
        if !identity.may(&head.algorithm) || !accounts.enter(identity.account, head.priority, size)
        {
            return Decision::Doubt;
        }
        let identity = identity.clone();
        *inside += 1;
        let entry = Entry::counted(self, identity);
        let lane = &mut lanes[index];
        if lane.waiting == 0
            && let Some(replica) = lane.take()
        {
            return Decision::Go(entry, Slot::claimed(self, index, replica));
        }
        lane.waiting += 1;
        Decision::Wait(entry, index)
    }

    /// Whom everybody is where nobody needs an identity; None: everybody needs one.
    pub fn set_everyone(&self, everyone: Option<Known>) {
        let mut state = self.state();
        let State { identities, accounts, .. } = &mut *state;
        identities.everyone = everyone.map(|known| known.with(accounts));
    }

    /// All identities, by the digest of what shows them; what was learnt is forgotten.
    pub fn set_identities(&self, known: HashMap<[u8; 32], Known>) {
        let mut state = self.state();
        let State { identities, accounts, .. } = &mut *state;
        let known = known.into_iter().map(|(digest, known)| (digest, known.with(accounts)));
        identities.known = known.collect();
    }

    /// One more.
    pub fn learn(&self, digest: [u8; 32], known: Known) {
        let mut state = self.state();
        let State { identities, accounts, .. } = &mut *state;
        let identity = known.with(accounts);
        identities.known.insert(digest, identity);
    }

    pub fn set_limits(&self, tenant: &str, limits: Limits) {
        let mut state = self.state();
        let account = state.accounts.of(tenant);
        state.accounts.set_limits(account, limits);
    }

    /// Count a call of a tenant's in, for Python; false: it has as many as it may.
    pub fn enter(&self, tenant: &str) -> bool {
        let mut state = self.state();
        let account = state.accounts.of(tenant);
        state.accounts.count_in(account)
    }

    pub fn leave(&self, tenant: &str) {
        let mut state = self.state();
        let account = state.accounts.of(tenant);
        state.accounts.leave(account);
    }

    /// Calls that a tenant may begin until then.
    pub fn credit(&self, tenant: &str, calls: u64, until: Instant) {
        let mut state = self.state();
        let account = state.accounts.of(tenant);
        state.accounts.credit(account, calls, until);
    }

    /// Take one of them, for Python; false: there is none.
    pub fn spend(&self, tenant: &str) -> bool {
        let mut state = self.state();
        let account = state.accounts.of(tenant);
        state.accounts.spend(account)
    }

    /// Seconds that tenants have held slots since the last call.
    pub fn take_ran(&self) -> Vec<(Arc<str>, f64)> {
        self.state().accounts.take_ran()
    }

    pub fn began(&self, lane: usize, class: usize) {
        self.state().lanes[lane].by_class[class] += 1;
    }

    /// A slot's run has ended: as of which class, on whose account, after how many seconds.
    pub fn ran(&self, lane: usize, class: usize, account: usize, seconds: f64) {
        let mut state = self.state();
        state.lanes[lane].by_class[class] -= 1;
        state.accounts.ran(account, seconds);
    }

    /// A request of an account's has left.
    pub fn left(&self, account: usize) {
        let idle = {
            let mut state = self.state();
            state.inside -= 1;
            state.accounts.leave(account);
            state.draining && state.inside == 0
        };
        if idle {
            self.questions.tell(Event::Idle);
        }
    }

    pub fn set_routes(&self, routes: HashMap<Box<[u8]>, usize>) {
        self.state().routes = routes;
    }

    pub fn set_slots(&self, lane: usize, replica: usize, slots: usize) {
        self.state().lanes[lane].replicas[replica].slots = slots;
    }

    pub fn lane(&self, lane: usize) -> Lane {
        self.state().lanes[lane].clone()
    }

    /// Take a slot if one is free, whoever waits: for Python, which says who is next.
    pub fn claim(&self, lane: usize) -> Option<usize> {
        self.state().lanes[lane].take()
    }

    /// Take a slot if one is free and nobody waits: for who has just come to Python.
    pub fn claim_first(&self, lane: usize) -> Option<usize> {
        let lane = &mut self.state().lanes[lane];
        if lane.waiting == 0 { lane.take() } else { None }
    }

    pub fn give_back(&self, lane: usize, replica: usize) {
        let waited_for = {
            let lane = &mut self.state().lanes[lane];
            lane.replicas[replica].running -= 1;
            lane.waiting > 0
        };
        if waited_for {
            self.questions.tell(Event::SlotFree(lane));
        }
    }

    /// Have another replica's slot instead of this one's; false: none of those is free.
    pub fn exchange(&self, lane: usize, replica: usize, other: usize) -> bool {
        let waited_for = {
            let lane = &mut self.state().lanes[lane];
            if lane.replicas[other].free() == 0 {
                return false;
            }
            lane.replicas[other].running += 1;
            lane.replicas[replica].running -= 1;
            lane.waiting > 0
        };
        if waited_for {
            self.questions.tell(Event::SlotFree(lane));
        }
        true
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

/// The digest of what a caller shows: its key or token, or else its certificate, told by its digest.
pub fn shown(
    authorization: Option<&HeaderValue>,
    certificate: Option<&[u8; 32]>,
) -> Option<[u8; 32]> {
    let bearer = authorization.map(|given| key(given).map(|key| Sha256::digest(key).into()));
    bearer.unwrap_or_else(|| certificate.copied())
}

/// The key of `authorization: Bearer <key>`.
fn key(authorization: &HeaderValue) -> Option<&[u8]> {
    let (scheme, key) = authorization.as_bytes().split_at_checked("bearer ".len())?;
    (scheme.eq_ignore_ascii_case(b"bearer ") && key.is_ascii() && !key.is_empty()).then_some(key)
}

/// An identity before it has an account.
pub struct Known {
    pub tenant: Arc<str>,
    /// By what it was shown, for the audit.
    pub who: Arc<str>,
    pub header: HeaderValue,
    pub scopes: Vec<Vec<String>>,
    pub until: Option<SystemTime>,
}

impl Known {
    fn with(self, accounts: &mut Accounts) -> Arc<Identity> {
        let account = accounts.of(&self.tenant);
        let Known { tenant, who, header, scopes, until } = self;
        Arc::new(Identity { tenant, who, header, scopes, until, account })
    }
}
