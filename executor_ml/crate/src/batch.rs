//! Sequences of different calls, encoded together.
//!
//! A call that has sequences to encode leads where nobody does: it takes what has come by then, in
//! the order in which it came and up to a bound of tokens, encodes that in one go, and leaves the
//! others their vectors, which wait meanwhile. So there is no thread to wake for a call that is
//! alone.
//!
//! Rules: whoever leads waits for calls that have begun and have not come (they tokenise), at most
//! `WINDOW` and not at all where there are none. A call that goes takes its sequences back, or what
//! is being computed of them is dropped. A vector is the same bits whatever is encoded beside it:
//! products sum in one order for any number of rows from two on, so a lone row is computed twice.
//! A step comes back within some tens of milliseconds, also when it has got nothing.

use crate::abort::AbortOnPanic;
use crate::cpu;
use crate::encoder::{Encoder, Input, Pooling};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Large enough for the product to run at full speed, small enough to stay in a core's cache.
const GROUP_TOKENS: usize = 256;
/// How long calls that have begun are waited for.
const WINDOW: Duration = Duration::from_millis(2);
/// How long a call waits for others before its owner may look at clock and caller.
const PATIENCE: Duration = Duration::from_millis(20);

/// Token ids of one sequence, and their types; no types: all are 0.
pub struct Tokens {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
}

impl Tokens {
    fn input(&self) -> Input<'_> {
        Input { ids: &self.ids, types: &self.types }
    }
}

/// Encodes what calls of one model bring.
pub struct Batcher {
    pub encoder: Arc<Encoder>,
    pooling: Pooling,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    last_call: u64,
    /// Whether a call encodes.
    led: bool,
    queue: VecDeque<Unit>,
    /// Calls that may bring more.
    expected: HashSet<u64>,
    /// Those whose vectors are being computed, or have been and are not fetched.
    owed: HashMap<u64, Option<Vec<f32>>>,
    encoded: Encoded,
}

/// What a model has encoded since it was opened.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub struct Encoded {
    pub batches: u64,
    pub sequences: u64,
}

/// What a call brings at a time.
struct Unit {
    call: u64,
    sequences: Vec<Tokens>,
    /// Whether the call brings nothing after it.
    last: bool,
}

impl Batcher {
    pub fn new(encoder: Encoder, pooling: Pooling) -> Self {
        let (state, changed) = Default::default();
        Self { encoder: Arc::new(encoder), pooling, state, changed }
    }

    /// A call begins, which will bring sequences.
    pub fn begin(self: &Arc<Self>) -> Call {
        let mut state = self.lock();
        state.last_call += 1;
        let id = state.last_call;
        state.expected.insert(id);
        Call { batcher: Arc::clone(self), id, waits: false }
    }

    pub fn encoded(&self) -> Encoded {
        self.lock().encoded
    }

    /// Poisoned only by a panic, which ends the process.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until all calls that have begun have come, enough has come, or the window is over.
    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let end = Instant::now() + WINDOW;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let all = state.expected.len() <= state.queue.len();
            if all || left.is_zero() || state.tokens() >= most_tokens() {
                return state;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Encodes units into a row of vectors for each.
    fn encode(&self, units: &[Unit]) -> Vec<Vec<f32>> {
        let h = self.encoder.config.hidden;
        let sequences: Vec<&Tokens> = units.iter().flat_map(|unit| &unit.sequences).collect();
        let mut out = vec![0.0; sequences.len() * h];
        let threads = cpu::threads();
        let mut work = Vec::new();
        let (mut rest, mut rows) = (&sequences[..], &mut out[..]);
        for size in groups(&sequences, threads) {
            let (group, later) = rest.split_at(size);
            let (own, others) = rows.split_at_mut(size * h);
            work.push((group, own));
            (rest, rows) = (later, others);
        }
        let forward = |(group, rows): (&[&Tokens], &mut [f32]), threads: usize| {
            let inputs: Vec<_> = group.iter().map(|tokens| tokens.input()).collect();
            if let [one] = inputs[..]
                && one.ids.len() == 1
            {
                let mut twice = vec![0.0; 2 * h];
                self.encoder.forward(&[one, one], self.pooling, &mut twice, threads);
                rows.copy_from_slice(&twice[..h]);
                return;
            }
            self.encoder.forward(&inputs, self.pooling, rows, threads);
        };
        if threads > 1 && work.len() >= threads {
            work.into_par_iter().for_each(|unit| forward(unit, 1));
        } else {
            work.into_iter().for_each(|unit| forward(unit, threads));
        }
        let mut rest = &out[..];
        let mut take = |unit: &Unit| {
            let (own, others) = rest.split_at(unit.sequences.len() * h);
            rest = others;
            own.to_vec()
        };
        units.iter().map(&mut take).collect()
    }
}

impl State {
    fn tokens(&self) -> usize {
        self.queue.iter().map(|unit| length(&unit.sequences)).sum()
    }

    /// The first units up to the bound, at least one.
    fn take(&mut self) -> Vec<Unit> {
        let (mut taken, mut tokens) = (Vec::new(), 0);
        while let Some(unit) = self.queue.front() {
            tokens += length(&unit.sequences);
            if !taken.is_empty() && tokens > most_tokens() {
                break;
            }
            taken.extend(self.queue.pop_front());
        }
        self.encoded.batches += 1;
        self.encoded.sequences += taken.iter().map(|unit| unit.sequences.len() as u64).sum::<u64>();
        taken
    }
}

/// One call's place among the others; it leaves when it is dropped.
pub struct Call {
    batcher: Arc<Batcher>,
    id: u64,
    /// Whether it has brought something and not got its vectors.
    waits: bool,
}

impl Call {
    /// Encodes what it brought, or waits while others encode. None: not yet.
    pub fn step(&mut self, bring: impl FnOnce() -> (Vec<Tokens>, bool)) -> Option<Vec<f32>> {
        let batcher = Arc::clone(&self.batcher);
        let mut state = batcher.lock();
        if !self.waits {
            let (sequences, last) = bring();
            state.queue.push_back(Unit { call: self.id, sequences, last });
            state.owed.insert(self.id, None);
            self.waits = true;
            batcher.changed.notify_all();
        }
        let end = Instant::now() + PATIENCE;
        while !matches!(state.owed.get(&self.id), Some(Some(_))) {
            if !state.led {
                state.led = true;
                state = batcher.gather(state);
                let units = state.take();
                drop(state);
                let guard = AbortOnPanic;
                let rows = batcher.encode(&units);
                drop(guard);
                state = batcher.lock();
                state.led = false;
                for (unit, rows) in units.iter().zip(rows) {
                    if unit.last {
                        state.expected.remove(&unit.call);
                    }
                    if let Some(owed) = state.owed.get_mut(&unit.call) {
                        *owed = Some(rows);
                    }
                }
                batcher.changed.notify_all();
                break;
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = batcher.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        state.owed.get(&self.id)?.as_ref()?;
        self.waits = false;
        state.owed.remove(&self.id)?
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut state = self.batcher.lock();
        state.expected.remove(&self.id);
        state.owed.remove(&self.id);
        state.queue.retain(|unit| unit.call != self.id);
        drop(state);
        self.batcher.changed.notify_all();
    }
}

/// Tokens that are encoded in one go: some 50 ms of work for MiniLM.
pub fn most_tokens() -> usize {
    GROUP_TOKENS * cpu::threads()
}

fn length(sequences: &[Tokens]) -> usize {
    sequences.iter().map(|tokens| tokens.ids.len()).sum()
}

/// Sizes, in sequences, of groups that are encoded side by side.
fn groups(sequences: &[&Tokens], threads: usize) -> Vec<usize> {
    let tokens: usize = sequences.iter().map(|s| s.ids.len()).sum();
    // A batch smaller than one group per thread is split evenly instead.
    let limit = match sequences.len() >= threads {
        true => GROUP_TOKENS.min(tokens.div_ceil(threads)),
        false => GROUP_TOKENS,
    };
    let (mut groups, mut size) = (Vec::new(), 0);
    for sequence in sequences {
        match groups.last_mut() {
            Some(last) if size + sequence.ids.len() <= limit => *last += 1,
            _ => {
                groups.push(1);
                size = 0;
            }
        }
        size += sequence.ids.len();
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sized(sizes: &[usize], threads: usize) -> Vec<usize> {
        let all: Vec<_> =
            sizes.iter().map(|n| Tokens { ids: vec![0; *n], types: Vec::new() }).collect();
        groups(&all.iter().collect::<Vec<_>>(), threads)
    }

    #[test]
    fn groups_are_full_or_shared_evenly() {
        assert_eq!(sized(&[300], 2), [1]);
        assert_eq!(sized(&[10, 10, 10, 10], 2), [2, 2]);
        assert_eq!(sized(&[10; 4], 8), [4]);
        assert_eq!(sized(&[200, 100, 100, 100], 2), [1, 2, 1]);
        assert!(sized(&[], 2).is_empty());
    }
}
