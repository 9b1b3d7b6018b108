//! What each tenant has taken and may take: calls inside, calls to begin, seconds of slots.
//!
//! Rules: one account for a tenant, however it has shown who it is; Python counts on it too. What an
//! account does not allow is no refusal but Python's to judge, which may know of more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// A request that names no class is of this one.
const INTERACTIVE: u8 = 2;

/// A priority's class, the highest being 0.
pub fn class(priority: u8) -> usize {
    let priority = if priority == 0 { INTERACTIVE } else { priority };
    usize::from(priority).saturating_sub(1).min(2)
}

/// What a tenant may.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Calls inside at once.
    pub most_inside: usize,
    /// Bytes of one message.
    pub most_bytes: usize,
    /// The classes that it may ask for, a bit for each.
    pub classes: u8,
    /// Whether a call needs a credit.
    pub rated: bool,
    /// Whether nothing is left for today.
    pub spent: bool,
}

impl Limits {
    pub const NONE: Limits = Limits {
        most_inside: usize::MAX,
        most_bytes: usize::MAX,
        classes: u8::MAX,
        rated: false,
        spent: false,
    };
}

struct Account {
    tenant: Arc<str>,
    limits: Limits,
    inside: usize,
    credits: u64,
    credits_until: Option<Instant>,
    /// Seconds of slots that Python has not been told of.
    ran: f64,
}

impl Account {
    fn spend(&mut self) -> bool {
        let good = self.credits > 0 && self.credits_until.is_some_and(|end| Instant::now() < end);
        self.credits -= u64::from(good);
        good
    }
}

#[derive(Default)]
pub struct Accounts {
    all: Vec<Account>,
    by_tenant: HashMap<Arc<str>, usize>,
}

impl Accounts {
    /// The account of a tenant, by its number.
    pub fn of(&mut self, tenant: &str) -> usize {
        if let Some(&known) = self.by_tenant.get(tenant) {
            return known;
        }
        let (tenant, number): (Arc<str>, usize) = (tenant.into(), self.all.len());
        self.by_tenant.insert(tenant.clone(), number);
        let limits = Limits::NONE;
        let new = Account { tenant, limits, inside: 0, credits: 0, credits_until: None, ran: 0.0 };
        self.all.push(new);
        number
    }

    pub fn set_limits(&mut self, account: usize, limits: Limits) {
        self.all[account].limits = limits;
    }

    /// Count a call in where all limits allow it.
    pub fn enter(&mut self, account: usize, priority: u8, size: usize) -> bool {
        let account = &mut self.all[account];
        let limits = &account.limits;
        let class = if priority == 0 { INTERACTIVE } else { priority };
        let fits = !limits.spent
            && size <= limits.most_bytes
            && account.inside < limits.most_inside
            && limits.classes & (1 << class) != 0
            && (!limits.rated || account.spend());
        account.inside += usize::from(fits);
        fits
    }

    /// Count a call in that Python lets in; false: there are as many as may be.
    pub fn count_in(&mut self, account: usize) -> bool {
        let account = &mut self.all[account];
        let fits = account.inside < account.limits.most_inside;
        account.inside += usize::from(fits);
        fits
    }

    pub fn leave(&mut self, account: usize) {
        self.all[account].inside -= 1;
    }

    /// So many calls may begin until then, instead of what was left.
    pub fn credit(&mut self, account: usize, calls: u64, until: Instant) {
        let account = &mut self.all[account];
        account.credits = calls;
        account.credits_until = Some(until);
    }

    pub fn spend(&mut self, account: usize) -> bool {
        self.all[account].spend()
    }

    pub fn ran(&mut self, account: usize, seconds: f64) {
        self.all[account].ran += seconds;
    }

    /// Seconds of slots since the last call.
    pub fn take_ran(&mut self) -> Vec<(Arc<str>, f64)> {
        let some = self.all.iter_mut().filter(|account| account.ran > 0.0);
        some.map(|account| (account.tenant.clone(), std::mem::take(&mut account.ran))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_limit_holds_by_itself() {
        for (limits, priority, size) in [
            (Limits { spent: true, ..Limits::NONE }, 0, 1),
            (Limits { most_bytes: 10, ..Limits::NONE }, 0, 11),
            (Limits { most_inside: 0, ..Limits::NONE }, 0, 1),
            (Limits { classes: 1 << 3, ..Limits::NONE }, 0, 1),
            (Limits { classes: 1 << 2, ..Limits::NONE }, 1, 1),
            (Limits { rated: true, ..Limits::NONE }, 0, 1),
        ] {
            let mut accounts = Accounts::default();
            let account = accounts.of("t");
            assert!(accounts.enter(account, priority, size));
            accounts.set_limits(account, limits);
            assert!(!accounts.enter(account, priority, size));
            accounts.leave(account);
        }
    }

    #[test]
    fn credits_are_spent_once_and_pass() {
        let mut accounts = Accounts::default();
        let account = accounts.of("t");
        accounts.set_limits(account, Limits { rated: true, ..Limits::NONE });
        accounts.credit(account, 2, Instant::now() + Duration::from_secs(60));
        assert!(accounts.enter(account, 0, 1));
        assert!(accounts.spend(account));
        assert!(!accounts.enter(account, 0, 1));
        accounts.credit(account, 2, Instant::now());
        assert!(!accounts.spend(account));
    }
}
