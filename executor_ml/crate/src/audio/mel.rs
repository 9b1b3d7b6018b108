//! The log-mel spectrogram that Whisper was trained on.
//!
//! Frames of 400 samples every 160, mirrored before the first sample and silent behind the last;
//! values below the loudest of the whole sound by more than 80 dB are raised to that.

use super::filters::{Filter, filters};
use super::{Going, RATE, Sound, SoundError};
use rayon::prelude::*;
use realfft::RealFftPlanner;

/// Samples from one frame to the next.
pub const HOP: usize = 160;
const FRAME: usize = 400;
const BINS: usize = FRAME / 2 + 1;
/// Frames computed before the caller is asked whether to go on.
const PIECE: usize = 6000;
/// log10 of the least power.
const FLOOR: f32 = -10.0;
/// Powers of ten below the loudest.
const RANGE: f32 = 8.0;

pub struct LogMel {
    mels: usize,
    /// [frames, mels], log10, not yet cut off below.
    values: Vec<f32>,
    loudest: f32,
}

impl LogMel {
    pub fn new(sound: &Sound, mels: usize, going: Going<'_>) -> Result<Self, SoundError> {
        let window: Vec<f32> = (0..FRAME)
            .map(|i| {
                let angle = std::f64::consts::TAU * i as f64 / FRAME as f64;
                (0.5 - 0.5 * angle.cos()) as f32
            })
            .collect();
        let bank = filters(mels, BINS, RATE as f64 / 2.0);
        let frames = sound.0.len() / HOP;
        let mut values = vec![0.0; frames * mels];
        let mut loudest = FLOOR;
        for (i, piece) in values.chunks_mut(PIECE * mels).enumerate() {
            if !going() {
                return Err(SoundError::Stopped);
            }
            loudest = loudest.max(compute(&sound.0, i * PIECE, piece, &window, &bank));
        }
        // The frames that still hear the end count for the loudest value.
        let mut tail = vec![0.0; FRAME.div_ceil(HOP) * mels];
        loudest = loudest.max(compute(&sound.0, frames, &mut tail, &window, &bank));
        Ok(Self { mels, values, loudest })
    }

    /// Frames of `HOP` samples.
    pub fn frames(&self) -> usize {
        self.values.len() / self.mels
    }

    /// `count` frames from `first` on as the model reads them, [count, mels]; zeros behind the end.
    pub fn window(&self, first: usize, count: usize) -> Vec<f32> {
        let (start, end) =
            (first * self.mels, ((first + count) * self.mels).min(self.values.len()));
        let least = self.loudest - RANGE;
        let mut out: Vec<f32> =
            self.values[start..end].iter().map(|v| (v.max(least) + 4.0) / 4.0).collect();
        out.resize(count * self.mels, 0.0);
        out
    }
}

/// Frames from `first` on into `out`; gives the largest value.
fn compute(samples: &[f32], first: usize, out: &mut [f32], window: &[f32], bank: &[Filter]) -> f32 {
    let mels = bank.len();
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(FRAME);
    let share = (out.len() / mels).div_ceil(rayon::current_num_threads()).max(1);
    let run = |(part, out): (usize, &mut [f32])| {
        let mut frame = fft.make_input_vec();
        let mut spectrum = fft.make_output_vec();
        let mut scratch = fft.make_scratch_vec();
        let mut power = [0f32; BINS];
        let mut loudest = FLOOR;
        for (i, out) in out.chunks_exact_mut(mels).enumerate() {
            gather(samples, first + part * share + i, &mut frame);
            frame.iter_mut().zip(window).for_each(|(x, w)| *x *= w);
            // It fails only on lengths that differ, and these are the plan's own.
            let _ = fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            power.iter_mut().zip(&spectrum).for_each(|(p, c)| *p = c.norm_sqr());
            for (value, filter) in out.iter_mut().zip(bank) {
                let bins = power[filter.first..].iter().zip(&filter.weights);
                let energy: f32 = bins.map(|(p, w)| p * w).sum();
                *value = energy.max(1e-10).log10();
                loudest = loudest.max(*value);
            }
        }
        loudest
    };
    out.par_chunks_mut(share * mels).enumerate().map(run).reduce(|| FLOOR, f32::max)
}

/// The samples around the middle of a frame.
fn gather(samples: &[f32], frame: usize, out: &mut [f32]) {
    let start = (frame * HOP) as isize - (FRAME / 2) as isize;
    if let Ok(start) = usize::try_from(start)
        && let Some(inside) = samples.get(start..start + FRAME)
    {
        out.copy_from_slice(inside);
        return;
    }
    for (i, x) in out.iter_mut().enumerate() {
        let at = (start + i as isize).unsigned_abs();
        *x = samples.get(at).copied().unwrap_or(0.0);
    }
}
