//! What a request has taken of the house: its place inside, its slot, its bytes.
//!
//! Rules: each is a value that gives itself back when it is dropped, on every way out.

use std::sync::Arc;
use std::time::Instant;

use crate::accounts;
use crate::house::House;
use crate::identity::Identity;

/// A request that is inside.
pub struct Entry {
    house: Arc<House>,
    pub identity: Arc<Identity>,
}

impl Entry {
    /// One that was counted.
    pub fn counted(house: &Arc<House>, identity: Arc<Identity>) -> Entry {
        Entry { house: house.clone(), identity }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.house.left(self.identity.account);
    }
}

/// Whose account a slot is held on, since when, and as of which class.
struct Charge {
    account: usize,
    since: Instant,
    class: usize,
}

/// The right to run one request.
pub struct Slot {
    house: Arc<House>,
    lane: usize,
    replica: usize,
    charged: Option<Charge>,
}

impl Slot {
    /// One that was claimed.
    pub fn claimed(house: &Arc<House>, lane: usize, replica: usize) -> Slot {
        Slot { house: house.clone(), lane, replica, charged: None }
    }

    pub fn lane(&self) -> usize {
        self.lane
    }

    pub fn replica(&self) -> usize {
        self.replica
    }

    /// Be one of another replica's, if one of those is free.
    pub fn exchange(&mut self, other: usize) {
        if other != self.replica && self.house.exchange(self.lane, self.replica, other) {
            self.replica = other;
        }
    }

    /// From now on somebody has it; `priority` as on the wire.
    pub fn charge(&mut self, to: &Entry, priority: u8) {
        let class = accounts::class(priority);
        self.house.began(self.lane, class);
        let account = to.identity.account;
        self.charged = Some(Charge { account, since: Instant::now(), class });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(charge) = self.charged.take() {
            let seconds = charge.since.elapsed().as_secs_f64();
            self.house.ran(self.lane, charge.class, charge.account, seconds);
        }
        self.house.give_back(self.lane, self.replica);
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
