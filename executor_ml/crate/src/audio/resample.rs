//! One channel at any rate to `RATE`, band-limited, piece by piece.

use super::{RATE, SoundError};
use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

pub const LOWEST_RATE: usize = 1_000;
pub const HIGHEST_RATE: usize = 384_000;
/// Frames that are resampled at a time, at least.
const CHUNK: usize = 512;

pub struct Resampler {
    /// None at `RATE` itself.
    inner: Option<Fft<f32>>,
    rate: usize,
    given: usize,
    waiting: Vec<f32>,
    out: Vec<f32>,
}

impl Resampler {
    pub fn new(rate: usize) -> Result<Self, SoundError> {
        if !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate) {
            let range = format!("from {LOWEST_RATE} to {HIGHEST_RATE}");
            return Err(SoundError::expected(format!("a sample rate {range} Hz, not {rate}")));
        }
        // An even number of periods of both rates, so that the filter's delay is whole samples.
        let period = 2 * rate / gcd(rate, RATE);
        let chunk = CHUNK.div_ceil(period) * period;
        let window = WindowFunction::BlackmanHarris2;
        let make = || Fft::new_custom(rate, RATE, chunk, 1, 1, window, FixedSync::Input);
        let inner = (rate != RATE).then(make).transpose();
        let inner = inner.map_err(|e| SoundError::expected(format!("a usual rate: {e}")))?;
        Ok(Self { inner, rate, given: 0, waiting: Vec::new(), out: Vec::new() })
    }

    pub fn push(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        self.given += samples.len();
        if self.inner.is_none() {
            self.out.extend_from_slice(samples);
            return Ok(());
        }
        self.waiting.extend_from_slice(samples);
        self.work()
    }

    /// What has come of it: as long as what was given, to the sample.
    pub fn finish(mut self) -> Result<Vec<f32>, SoundError> {
        let Some(inner) = &self.inner else { return Ok(self.out) };
        let delay = inner.output_delay();
        let length = (self.given as u64 * RATE as u64).div_ceil(self.rate as u64) as usize;
        while self.out.len() < delay + length {
            let silence = self.inner.as_ref().map_or(0, |i| i.input_frames_next());
            self.waiting.resize(self.waiting.len() + silence, 0.0);
            self.work()?;
        }
        self.out.drain(..delay);
        self.out.truncate(length);
        Ok(self.out)
    }

    fn work(&mut self) -> Result<(), SoundError> {
        let Some(inner) = &mut self.inner else { return Ok(()) };
        let mut taken = 0;
        loop {
            let frames = inner.input_frames_next();
            if self.waiting.len() - taken < frames {
                break;
            }
            let produced = inner.output_frames_next();
            let at = self.out.len();
            self.out.resize(at + produced, 0.0);
            let from = SequentialSlice::new(&self.waiting[taken..taken + frames], 1, frames);
            let to = SequentialSlice::new_mut(&mut self.out[at..], 1, produced);
            let (Ok(from), Ok(mut to)) = (from, to) else {
                return Err(SoundError::expected("a rate that can be resampled"));
            };
            inner
                .process_into_buffer(&from, &mut to, None)
                .map_err(|e| SoundError::expected(format!("a rate that can be resampled: {e}")))?;
            taken += frames;
        }
        self.waiting.drain(..taken);
        Ok(())
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: usize, hertz: f64, seconds: f64) -> Vec<f32> {
        let count = (rate as f64 * seconds) as usize;
        let at = |i| (std::f64::consts::TAU * hertz * i as f64 / rate as f64).sin() as f32;
        (0..count).map(at).collect()
    }

    fn resampled(rate: usize, samples: &[f32], piece: usize) -> Vec<f32> {
        let mut resampler = Resampler::new(rate).unwrap();
        samples.chunks(piece).for_each(|c| resampler.push(c).unwrap());
        resampler.finish().unwrap()
    }

    fn power(samples: &[f32]) -> f32 {
        samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32
    }

    #[test]
    fn a_tone_stays_where_it_is() {
        for rate in [8_000, 11_025, 22_050, 44_100, 48_000, 96_000] {
            let out = resampled(rate, &sine(rate, 440.0, 1.0), 777);
            let expected = sine(RATE, 440.0, 1.0);
            assert_eq!(out.len(), RATE, "{rate}");
            let off = out[800..RATE - 800].iter().zip(&expected[800..]);
            let worst = off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 2e-3, "{rate}: off by {worst}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_gone() {
        let out = resampled(44_100, &sine(44_100, 9_000.0, 1.0), 4096);
        let heard = power(&out[800..RATE - 800]);
        assert!(heard < 1e-5, "an alias of power {heard}");
    }

    #[test]
    fn pieces_do_not_matter_and_rates_have_limits() {
        let samples = sine(44_100, 300.0, 0.3);
        assert_eq!(resampled(44_100, &samples, 1), resampled(44_100, &samples, 1 << 20));
        assert_eq!(resampled(44_100, &samples[..1], 1).len(), 1);
        for rate in [0, 999, 384_001] {
            let error = Resampler::new(rate).err().unwrap().to_string();
            assert!(error.contains("from 1000 to 384000 Hz"), "{error}");
        }
    }
}
