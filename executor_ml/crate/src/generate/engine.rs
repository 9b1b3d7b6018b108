//! The thread that computes all texts of a model: prompts piece by piece, and one token of every
//! text that is past its prompt in each step (continuous batching).
//!
//! Rules: a text that nobody waits for any more is dropped before the next step; reading takes at
//! most as long as the decoding beside it, so that neither starves; pieces go in turn to the
//! shortest prompt and to the one that came first. A panic here would leave every caller waiting
//! for a model that is gone: the process ends instead, and its pool makes another.

use super::prefixes::Prefixes;
use super::sequence::Sequence;
use crate::abort::AbortOnPanic;
use crate::decoder::{Cache, Decoder};
use crate::error::{Error, Result};
use rayon::prelude::*;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Texts that are computed together; more wait.
const MOST_TOGETHER: usize = 64;
/// Reading may take as long where nothing is decoded beside it.
const SHORTEST_READING: Duration = Duration::from_millis(30);

pub struct Engine {
    inbox: Option<Sender<Sequence>>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    pub fn start(decoder: Arc<Decoder>, prefixes: Prefixes) -> Self {
        let (inbox, outbox) = channel();
        let work = move || {
            let _guard = AbortOnPanic;
            Work { decoder, prefixes, active: Vec::new(), turn: 0 }.run(&outbox);
        };
        let thread = std::thread::Builder::new().name("generate".into()).spawn(work);
        Self { inbox: Some(inbox), thread: thread.ok() }
    }

    /// Takes a text up. Fails only where the thread could not be started.
    pub fn add(&self, sequence: Sequence) -> Result<()> {
        let inbox = self.inbox.as_ref().filter(|_| self.thread.is_some()).ok_or(Error::Ended)?;
        inbox.send(sequence).map_err(|_| Error::Ended)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.inbox.take());
        // What it still computes has no caller: generations hold the engine.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    decoder: Arc<Decoder>,
    prefixes: Prefixes,
    active: Vec<Sequence>,
    turn: usize,
}

impl Work {
    /// Until the engine is dropped.
    fn run(&mut self, outbox: &Receiver<Sequence>) {
        loop {
            if self.active.is_empty() {
                let Ok(sequence) = outbox.recv() else { return };
                self.take_up(sequence);
            }
            while self.active.len() < MOST_TOGETHER {
                let Ok(sequence) = outbox.try_recv() else { break };
                self.take_up(sequence);
            }
            self.choose();
            self.retire();
            let began = Instant::now();
            self.decode();
            self.read(began.elapsed());
        }
    }

    fn take_up(&mut self, mut sequence: Sequence) {
        sequence.take_up(&self.decoder, &mut self.prefixes);
        self.active.push(sequence);
    }

    fn choose(&mut self) {
        let mut ready: Vec<_> = self.active.iter_mut().filter(|s| s.logits.is_some()).collect();
        match ready.as_mut_slice() {
            [one] => one.choose(),
            many => many.par_iter_mut().for_each(|s| s.choose()),
        }
    }

    fn retire(&mut self) {
        let (over, active) =
            std::mem::take(&mut self.active).into_iter().partition(Sequence::is_over);
        self.active = active;
        for sequence in over {
            if let Some((ids, cache)) = sequence.into_cache() {
                self.prefixes.keep(ids, cache, &self.decoder.config);
            }
        }
    }

    fn decode(&mut self) {
        let mut ready: Vec<&mut Sequence> =
            self.active.iter_mut().filter(|s| s.newest().is_some()).collect();
        if ready.is_empty() {
            return;
        }
        let ids: Vec<u32> = ready.iter().filter_map(|s| s.newest()).collect();
        let mut caches: Vec<&mut Cache> =
            ready.iter_mut().filter_map(|s| s.cache.as_mut()).collect();
        let logits = self.decoder.decode(&ids, &mut caches);
        let rows = logits.chunks_exact(self.decoder.config.vocabulary);
        ready.iter_mut().zip(rows).for_each(|(s, row)| s.logits = Some(row.to_vec()));
    }

    fn read(&mut self, decoding: Duration) {
        let (began, most) = (Instant::now(), decoding.max(SHORTEST_READING));
        loop {
            let unread = self.active.iter_mut().filter(|s| s.to_read() > 0 && !s.is_over());
            self.turn += 1;
            // In the order in which they came.
            let next = match self.turn % 2 {
                0 => unread.min_by_key(|s| s.to_read()),
                _ => unread.into_iter().next(),
            };
            let Some(sequence) = next else { return };
            sequence.read(&self.decoder);
            if began.elapsed() >= most {
                return;
            }
        }
    }
}
