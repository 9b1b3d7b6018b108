//! The slots of an executor: of which of its replicas the next one is.
//!
//! Rules: the replica of which the largest share is free has it; equals take turns.

/// The slots of one replica of an executor.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    pub slots: usize,
    pub running: usize,
}

impl Counts {
    pub fn free(self) -> usize {
        self.slots.saturating_sub(self.running)
    }

    /// Whether a larger share of these is free.
    fn freer_than(self, other: Counts) -> bool {
        self.free() * other.slots > other.free() * self.slots
    }
}

/// The slots of one executor.
#[derive(Clone)]
pub struct Lane {
    pub replicas: Box<[Counts]>,
    /// Whose turn it is among equals.
    turn: usize,
    /// Who waits for one, here or in Python.
    pub waiting: usize,
    /// Those of `running` that are this crate's own calls: realtime, interactive, batch.
    pub by_class: [usize; 3],
}

impl Lane {
    pub fn new(replicas: usize) -> Lane {
        let replicas = vec![Counts::default(); replicas].into();
        Lane { replicas, turn: 0, waiting: 0, by_class: [0; 3] }
    }

    /// Take a slot; gives whose it is.
    pub fn take(&mut self) -> Option<usize> {
        let count = self.replicas.len();
        let mut best: Option<usize> = None;
        for step in 0..count {
            let index = (self.turn + step) % count;
            let counts = self.replicas[index];
            let better = best.is_none_or(|best| counts.freer_than(self.replicas[best]));
            if counts.free() > 0 && better {
                best = Some(index);
            }
        }
        let taken = best?;
        self.replicas[taken].running += 1;
        self.turn = (taken + 1) % count;
        Some(taken)
    }
}
