//! One text in the engine: a prompt to read, then tokens to choose, one from each logits.

use super::constraint::Constraint;
use super::engine::Engine;
use super::generation::{Event, Finish, Generation, Shared, Token};
use super::prefixes::Prefixes;
use super::text::Text;
use super::{MOST_ALTERNATIVES, Request};
use crate::decoder::{Cache, Decoder, Pass};
use crate::detokenize::Detokenizer;
use crate::error::Result;
use crate::sampler::{Sampler, told};
use crate::stop::Stop;
use rayon::prelude::*;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, PoisonError};

/// Prompt tokens that go through a layer together: enough to hide its dequantisation.
const TOGETHER: usize = 128;
/// Of a prompt whose tokens are told: all their logits are computed.
const TOLD_TOGETHER: usize = 32;
/// Multiply-adds of a piece of reading, some 30 ms on one core.
const PIECE: usize = 1_500_000_000;

pub struct Sequence {
    /// Those in the cache, then those to be read.
    ids: Vec<u32>,
    /// None until the engine has taken it up.
    pub cache: Option<Cache>,
    capacity: usize,
    /// The part of the prompt that is being read.
    pass: Option<Pass>,
    pub logits: Option<Vec<f32>>,
    sampler: Sampler,
    constraint: Option<Constraint>,
    detokenizer: Detokenizer,
    stop: Stop,
    ends: Arc<[u32]>,
    alternatives: usize,
    prompt_alternatives: Option<usize>,
    limit: usize,
    produced: usize,
    ended: bool,
    events: Sender<Result<Event>>,
    shared: Arc<Shared>,
}

impl Sequence {
    pub fn new(
        prompt: Vec<u32>,
        request: Request,
        constraint: Option<Constraint>,
        text: &Text,
        context: usize,
        engine: Arc<Engine>,
    ) -> (Self, Generation) {
        let (events, receiver) = channel();
        let shared = Arc::new(Shared::default());
        let capacity = context.min(prompt.len().saturating_add(request.max_tokens));
        let generation = Generation {
            events: receiver,
            arrived: None,
            shared: Arc::clone(&shared),
            prompt: prompt.len(),
            produced: 0,
            finish: None,
            _engine: engine,
        };
        let sequence = Self {
            sampler: Sampler::new(request.sampling, &prompt),
            constraint,
            detokenizer: Detokenizer::new(Arc::clone(&text.vocabulary)),
            stop: Stop::new(request.stop),
            ends: Arc::clone(&text.ends),
            alternatives: request.alternatives.min(MOST_ALTERNATIVES),
            prompt_alternatives: request.prompt_alternatives.map(|n| n.min(MOST_ALTERNATIVES)),
            limit: capacity - prompt.len(),
            ids: prompt,
            cache: None,
            capacity,
            pass: None,
            logits: None,
            produced: 0,
            ended: false,
            events,
            shared,
        };
        (sequence, generation)
    }

    /// Gets a cache, with what is known of the prompt; nothing is where its tokens are to be told.
    pub fn take_up(&mut self, decoder: &Decoder, prefixes: &mut Prefixes) {
        let cache = match self.prompt_alternatives {
            Some(_) => Cache::new(&decoder.config, self.capacity),
            None => prefixes.begin(&self.ids, &decoder.config, self.capacity),
        };
        self.shared.cached.store(cache.length(), Ordering::Relaxed);
        self.cache = Some(cache);
    }

    /// Whether there is nothing more to do for it.
    pub fn is_over(&self) -> bool {
        self.ended || self.shared.abandoned.load(Ordering::Relaxed)
    }

    /// Tokens that are not in the cache yet.
    fn left(&self) -> usize {
        self.ids.len() - self.cache.as_ref().map_or(0, Cache::length)
    }

    /// Prompt tokens still to be read; 0 once only the newest token is to be decoded.
    pub fn to_read(&self) -> usize {
        if self.produced == 0 && self.logits.is_none() { self.left() } else { 0 }
    }

    /// The token that is to be decoded next.
    pub fn newest(&self) -> Option<u32> {
        let decodes = self.produced > 0 && self.logits.is_none() && !self.ended;
        decodes.then(|| self.ids.last().copied()).flatten()
    }

    /// Reads a piece of the prompt.
    pub fn read(&mut self, decoder: &Decoder) {
        let Some(cache) = &mut self.cache else { return };
        let read = cache.length();
        let together = if self.prompt_alternatives.is_some() { TOLD_TOGETHER } else { TOGETHER };
        let mut pass = self.pass.take().unwrap_or_else(|| {
            let end = self.ids.len().min(read + together);
            decoder.begin(&self.ids[read..end], cache)
        });
        if decoder.advance(&mut pass, cache, PIECE) {
            self.pass = Some(pass);
            return;
        }
        let whole = cache.length() == self.ids.len();
        if let Err(error) = self.tell(decoder, &mut pass, read) {
            let _ = self.events.send(Err(error)); // whether anybody listens or not, it ends
            self.ended = true;
        } else if whole {
            self.logits = Some(decoder.logits(pass));
        }
    }

    /// Tells what the model thinks of the tokens behind those of a pass, which begins at `first`.
    fn tell(&self, decoder: &Decoder, pass: &mut Pass, first: usize) -> Result<()> {
        let Some(alternatives) = self.prompt_alternatives else { return Ok(()) };
        let logits = decoder.all_logits(pass);
        let rows = logits.par_chunks_exact(decoder.config.vocabulary);
        let new: Result<Vec<_>> = rows
            .zip(&self.ids[first + 1..])
            .map(|(row, id)| told(row, *id, alternatives))
            .collect();
        self.shared.prompt.lock().unwrap_or_else(PoisonError::into_inner).extend(new?);
        Ok(())
    }

    /// Chooses a token from the logits and tells it.
    pub fn choose(&mut self) {
        let Some(mut logits) = self.logits.take() else { return };
        let event = self.event(&mut logits);
        self.ended |= event.is_err();
        if self.events.send(event).is_err() {
            self.ended = true; // nobody listens
        }
    }

    fn event(&mut self, logits: &mut [f32]) -> Result<Event> {
        let allowed = self.constraint.as_mut().map(Constraint::allowed).transpose()?;
        let choice = self.sampler.choose(logits, self.alternatives, allowed.as_ref())?;
        let mut token = Token {
            id: choice.id,
            text: String::new(),
            logprob: choice.logprob,
            alternatives: choice.alternatives,
        };
        if self.ends.contains(&choice.id) {
            self.ended = true;
            token.text = self.stop.flush();
            let token = (!token.text.is_empty()).then_some(token);
            return Ok(Event { token, finish: Some(Finish::Stop), produced: self.produced });
        }
        let complete = match &mut self.constraint {
            Some(constraint) => constraint.take(choice.id)?,
            None => false,
        };
        self.ids.push(choice.id);
        self.produced += 1;
        let passed = self.stop.push(&self.detokenizer.push(choice.id));
        token.text = passed.text;
        let finish = if passed.stopped {
            Some(Finish::Stop)
        } else if complete {
            token.text.push_str(&self.stop.flush());
            Some(Finish::Stop)
        } else if self.produced == self.limit {
            token.text.push_str(&self.stop.flush());
            Some(Finish::Length)
        } else {
            None
        };
        self.ended = finish.is_some();
        Ok(Event { token: Some(token), finish, produced: self.produced })
    }

    /// Its cache and the ids that it holds, once it is over.
    pub fn into_cache(mut self) -> Option<(Vec<u32>, Cache)> {
        let cache = self.cache.take()?;
        self.ids.truncate(cache.length());
        Some((self.ids, cache))
    }
}
