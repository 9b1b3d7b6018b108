//! A sound on its way to text, window by window.
//!
//! For each window: `listen`, then `attempt` as often as it takes, then `keep` or `skip`.

use super::alignment::{Alignment, Reading};
use super::decoder::Memory;
use super::rules::{Rules, Times};
use super::segment::{Cut, Segment, cut};
use super::transcriber::{Model, Request};
use super::{Halt, check, words};
use crate::audio::{Going, HOP, LogMel, RATE};
use crate::detokenize::Detokenizer;
use crate::error::Error;
use crate::numeric::{log_sum_exp, maximum};
use crate::sampler::{Sampler, Sampling};
use std::ops::Range;
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
    /// Where the last word ended.
    said_until: f64,
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
            said_until: 0.0,
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
    pub fn keep(&mut self, going: Going<'_>) -> Result<Vec<Segment>, Halt> {
        let attempt = self.attempt.take().expect("an attempt was made");
        let Model { vocabulary, .. } = &*self.model;
        let cut = cut(&attempt.tokens, vocabulary.first_timestamp(), self.window_frames());
        let second = |steps: f64| (self.seek as f64 + 2.0 * steps) * HOP as f64 / RATE as f64;
        let whole = |(range, start, end): &(Range<usize>, f64, f64)| {
            let tokens = attempt.tokens[range.clone()].to_vec();
            let text = String::from_utf8_lossy(&vocabulary.bytes(&tokens)).into_owned();
            let (start, end) = (second(*start), second(*end));
            Segment { start, end, text, tokens, pieces: vec![], words: vec![] }
        };
        let mut segments: Vec<Segment> = cut.parts.iter().map(whole).collect();
        let mut next = self.seek + cut.advance;
        if self.request.words {
            next = self.find_words(&cut, &mut segments, going)?.unwrap_or(next);
        }
        for (segment, (range, ..)) in segments.iter_mut().zip(cut.parts) {
            // A moment in which something is said, or a while in which nothing is, is none.
            if segment.start == segment.end || segment.text.trim().is_empty() {
                segment.text.clear();
                continue;
            }
            let said = segment.tokens.iter().zip(&attempt.logprobs[range]);
            segment.pieces = said
                .filter(|(id, _)| **id < self.model.vocabulary.end)
                .map(|(id, logprob)| (*id, self.detokenizer.push(*id), *logprob))
                .collect();
            self.told.extend(&segment.tokens);
        }
        segments.retain(|segment| !segment.text.is_empty());
        if !self.request.condition || attempt.temperature > GUIDING {
            self.told_from = self.told.len();
        }
        self.seek = next;
        self.window = None;
        Ok(segments)
    }

    /// Gives a window's segments their words; the frame from which on the next window hears, where
    /// that is told by them.
    fn find_words(
        &mut self,
        cut: &Cut,
        segments: &mut [Segment],
        going: Going<'_>,
    ) -> Result<Option<usize>, Halt> {
        let Model { config, vocabulary, decoder, .. } = &*self.model;
        let text: Vec<u32> = segments.iter().flat_map(|s| &s.tokens).copied().collect();
        let text: Vec<u32> = text.into_iter().filter(|id| *id < vocabulary.end).collect();
        let task = self.request.task.unwrap_or(vocabulary.forced_task());
        let reading = Reading {
            heads: &config.alignment_heads,
            opening: &vocabulary.opening(self.language, task, true),
            text: &text,
            moments: self.window_frames() / 2,
        };
        let memory = self.window.as_mut().expect("a window was heard");
        let alignment = Alignment::new(decoder, vocabulary, memory, &reading, going)?;
        let offset = self.seek as f64 * HOP as f64 / RATE as f64;
        if let Some(alignment) = alignment {
            let language = self.language().map(str::to_owned);
            let said = (&alignment, offset);
            let spoken = (text.as_slice(), language.as_deref());
            words::tell(&self.model.vocabulary, spoken, said, segments, self.said_until);
        }
        let last_word = segments.iter().rev().find_map(|s| s.words.last()).map(|word| word.end);
        let Some(end) = last_word.or(segments.last().map(|s| s.end)) else { return Ok(None) };
        self.said_until = end;
        let next = (end * (RATE / HOP) as f64).round() as usize;
        Ok((!cut.ended && end > offset).then_some(next))
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
