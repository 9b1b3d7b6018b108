//! Sound: bytes of a file, or samples, to one channel at 16 kHz, and to a log-mel spectrogram.
//!
//! Files are untrusted: what a header claims is believed in nothing but to refuse; every length is
//! that of what was decoded. Work looks between packets whether it may go on.

mod decode;
mod filters;
mod mel;
mod resample;

pub use decode::decode;
pub use mel::{HOP, LogMel};
pub use resample::{HIGHEST_RATE, LOWEST_RATE};

use resample::Resampler;

/// Samples per second of everything behind this module.
pub const RATE: usize = 16_000;

/// Whether work may go on; asked every few tens of milliseconds.
pub type Going<'a> = &'a (dyn Fn() -> bool + Sync);

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// `Going` said no.
    #[error("stopped")]
    Stopped,
    /// What was expected instead.
    #[error("{0}")]
    Expected(String),
}

impl SoundError {
    fn expected(what: impl Into<String>) -> Self {
        Self::Expected(what.into())
    }

    fn too_long(most_seconds: f64, found: &str) -> Self {
        Self::expected(format!("at most {most_seconds:.0} seconds of sound, {found}"))
    }
}

/// One channel at `RATE`.
#[derive(Debug)]
pub struct Sound(pub Vec<f32>);

impl Sound {
    pub fn seconds(&self) -> f64 {
        self.0.len() as f64 / RATE as f64
    }
}

/// Collects a sound piece by piece: mixes channels down, resamples, and minds the limit.
struct Collector {
    resampler: Resampler,
    mono: Vec<f32>,
    rate: usize,
    frames: usize,
    most_seconds: f64,
}

impl Collector {
    fn new(rate: usize, most_seconds: f64) -> Result<Self, SoundError> {
        let resampler = Resampler::new(rate)?;
        Ok(Self { resampler, mono: Vec::new(), rate, frames: 0, most_seconds })
    }

    /// Interleaved samples of `channels` channels.
    fn push(&mut self, samples: &[f32], channels: usize) -> Result<(), SoundError> {
        self.frames += samples.len() / channels;
        if self.frames as f64 > self.most_seconds * self.rate as f64 {
            return Err(SoundError::too_long(self.most_seconds, "not more"));
        }
        self.mono.clear();
        let scale = 1.0 / channels as f32;
        let mix = |frame: &[f32]| frame.iter().sum::<f32>() * scale;
        self.mono.extend(samples.chunks_exact(channels).map(mix));
        if !self.mono.iter().all(|x| x.is_finite()) {
            return Err(SoundError::expected("samples that are finite numbers"));
        }
        self.resampler.push(&self.mono)
    }

    fn finish(self) -> Result<Sound, SoundError> {
        self.resampler.finish().map(Sound)
    }
}

/// Interleaved samples of `channels` channels at `rate`, of which `read` gives the next into a
/// buffer, as many as fit.
pub fn from_samples(
    read: &mut dyn FnMut(&mut Vec<f32>),
    channels: usize,
    rate: usize,
    most_seconds: f64,
    going: Going<'_>,
) -> Result<Sound, SoundError> {
    let mut collector = Collector::new(rate, most_seconds)?;
    let mut piece = Vec::new();
    loop {
        piece.clear();
        read(&mut piece);
        if piece.is_empty() {
            return collector.finish();
        }
        if !going() {
            return Err(SoundError::Stopped);
        }
        collector.push(&piece, channels)?;
    }
}
