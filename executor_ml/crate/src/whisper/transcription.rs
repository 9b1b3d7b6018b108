//! A sound on its way to text, window by window.
//!
//! For each window: `listen`, then `attempt` as often as it takes, then `keep` or `skip`.

use super::decoder::Memory;
use super::rules::{Rules, Times};
use super::segment::{Segment, cut};
use super::transcriber::{Model, Request};
use super::{Halt, check};
use crate::audio::{Going, HOP, LogMel, RATE};
use crate::detokenize::Detokenizer;
use crate::error::Error;
use crate::numeric::{log_sum_exp, maximum};
use crate::sampler::{Sampler, Sampling};
use std::sync::Arc;

/// Above this temperature a text is no guide for what follows.
const GUIDING: f32 = 0.5;

pub struct Transcription {
    model: Arc<Model>,
    mel: LogMel,
    request: Request,
    language: Option<u32>,
    /// The window's first frame.
    seek: usize,
    window: Option<Memory>,
    attempt: Option<Attempt>,
    /// The prompt and all that was kept, and from where on windows are told of it.
    told: Vec<u32>,
    told_from: usize,
    detokenizer: Detokenizer,
}

/// What a window may have said.
#[derive(Clone, Debug, Default)]
pub struct Attempt {
    pub tokens: Vec<u32>,
    pub logprobs: Vec<f32>,
    /// Without blanks around it.
    pub text: String,
    /// Over the tokens and the end.
    pub avg_logprob: f32,
    pub no_speech_prob: f32,
    pub temperature: f32,
}

impl Transcription {
    pub(super) fn new(
        model: Arc<Model>,
        mel: LogMel,
        language: Option<u32>,
        prompt: Vec<u32>,
        request: Request,
    ) -> Self {
        Self {
            detokenizer: Detokenizer::new(Arc::clone(&model.vocabulary.pieces)),
            model,
            mel,
            request,
            language,
            seek: 0,
            window: None,
            attempt: None,
            told: prompt,
            told_from: 0,
        }
    }

    /// The language's code, once it is known; "en" where the model knows no other.
    pub fn language(&self) -> Option<&str> {
        let vocabulary = &self.model.vocabulary;
        match vocabulary.languages().next() {
            None => Some("en"),
            Some(_) => self.language.and_then(|id| vocabulary.code(id)),
        }
    }

    /// How much of the sound is done, from 0 to 1.
    pub fn fraction(&self) -> f64 {
        match self.mel.frames() {
            0 => 1.0,
            frames => self.seek.min(frames) as f64 / frames as f64,
        }
    }

    /// Whether there is a window to attempt.
    pub fn heard(&self) -> bool {
        self.window.is_some()
    }

    /// Whether there is an attempt to keep.
    pub fn attempted(&self) -> bool {
        self.attempt.is_some()
    }

    /// Hears the next window; false where there is none. The first one tells the language.
    pub fn listen(&mut self, going: Going<'_>) -> Result<bool, Halt> {
        self.window = None;
        self.attempt = None;
        if self.seek >= self.mel.frames() {
            return Ok(false);
        }
        let Model { config, vocabulary, encoder, decoder } = &*self.model;
        let mel = self.mel.window(self.seek, config.frames());
        let sound = encoder.forward(&mel, going)?;
        let mut memory = decoder.remember(&sound, going)?;
        if self.language.is_none() && vocabulary.languages().next().is_some() {
            let vectors = decoder.forward(&[vocabulary.start], &mut memory);
            let logits = decoder.logits(&vectors, 0);
            let likelier = |a: &u32, b: &u32| {
                // Of equals the first, as argmax has it.
                logits[*a as usize].total_cmp(&logits[*b as usize]).then(b.cmp(a))
            };
            self.language = vocabulary.language_ids().max_by(likelier);
        }
        self.window = Some(memory);
        Ok(true)
    }

    /// Writes down the window that was heard. Panics where none was.
    pub fn attempt(&mut self, temperature: f32, going: Going<'_>) -> Result<&Attempt, Halt> {
        self.attempt = None;
        let Model { config, vocabulary, decoder, .. } = &*self.model;
        let memory = self.window.as_mut().expect("a window was heard");
        memory.rewind();
        let most = config.half_of_targets();
        let task = self.request.task.unwrap_or(vocabulary.forced_task());
        let mut opening = vocabulary.opening(self.language, task, self.request.timestamps);
        let mut start = 0;
        let told = &self.told[self.told_from..];
        if let (Some(previous), false) = (vocabulary.previous, told.is_empty()) {
            let told = &told[told.len().saturating_sub(most - 1)..];
            start = 1 + told.len();
            opening.splice(..0, std::iter::once(previous).chain(told.iter().copied()));
        }
        let times = self
            .request
            .timestamps
            .then_some(Times { most_initial: config.generation.most_initial_timestamp });
        let rules = Rules {
            suppressed: &config.generation.suppressed,
            suppressed_at_first: &config.generation.suppressed_at_first,
            end: vocabulary.end,
            first_time: vocabulary.first_timestamp(),
            times,
        };
        let seed = self.request.seed;
        let mut sampler = Sampler::new(Sampling { temperature, seed, ..Sampling::default() }, &[]);
        let mut vectors = decoder.forward(&opening, memory);
        let mut row = opening.len() - 1;
        let silence = decoder.logits(&vectors, start);
        let no_speech = silence[vocabulary.no_speech as usize] - log_sum_exp(&silence);
        let mut attempt =
            Attempt { temperature, no_speech_prob: no_speech.exp(), ..Attempt::default() };
        let mut sum = 0.0;
        for _ in 0..most {
            check(going)?;
            let mut logits = decoder.logits(&vectors, row);
            rules.apply(&mut logits, &attempt.tokens);
            if maximum(&logits) == f32::NEG_INFINITY {
                return Err(Error::Numeric.into());
            }
            let choice = sampler.choose(&mut logits, 0, None)?;
            sum += choice.logprob;
            if choice.id == vocabulary.end {
                break;
            }
            attempt.tokens.push(choice.id);
            attempt.logprobs.push(choice.logprob);
            if opening.len() + attempt.tokens.len() > config.targets {
                break;
            }
            vectors = decoder.forward(&[choice.id], memory);
            row = 0;
        }
        attempt.avg_logprob = sum / (attempt.tokens.len() + 1) as f32;
        let bytes = vocabulary.bytes(&attempt.tokens);
        attempt.text = String::from_utf8_lossy(&bytes).trim().to_owned();
        Ok(self.attempt.insert(attempt))
    }

    /// Takes the last attempt's text and moves on to where it ends. Panics where there was none.
    pub fn keep(&mut self) -> Vec<Segment> {
        let attempt = self.attempt.take().expect("an attempt was made");
        let vocabulary = &self.model.vocabulary;
        let cut = cut(&attempt.tokens, vocabulary.first_timestamp(), self.window_frames());
        let second = |steps: f64| (self.seek as f64 + 2.0 * steps) * HOP as f64 / RATE as f64;
        let mut segments = Vec::new();
        for (range, start, end) in cut.parts {
            let tokens = attempt.tokens[range.clone()].to_vec();
            let text = String::from_utf8_lossy(&vocabulary.bytes(&tokens)).into_owned();
            // A moment in which something is said, or a while in which nothing is, is none.
            if start == end || text.trim().is_empty() {
                continue;
            }
            let said = tokens.iter().zip(&attempt.logprobs[range]);
            let pieces = said
                .filter(|(id, _)| **id < vocabulary.end)
                .map(|(id, logprob)| (*id, self.detokenizer.push(*id), *logprob))
                .collect();
            self.told.extend(&tokens);
            segments.push(Segment { start: second(start), end: second(end), text, tokens, pieces });
        }
        if !self.request.condition || attempt.temperature > GUIDING {
            self.told_from = self.told.len();
        }
        self.seek += cut.advance;
        self.window = None;
        segments
    }

    /// Moves on to the next window: this one has nothing to say.
    pub fn skip(&mut self) {
        self.seek += self.window_frames();
        self.window = None;
        self.attempt = None;
    }

    /// Frames of the window that are of the sound.
    fn window_frames(&self) -> usize {
        self.model.config.frames().min(self.mel.frames() - self.seek)
    }
}
