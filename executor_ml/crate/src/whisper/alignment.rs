//! Which moment each token of a text belongs to, by what the decoder looked at as it read it.
//!
//! As in OpenAI's reference (whisper/timing.py): of the attention heads that follow the sound, the
//! softmax over the window's moments, made comparable over tokens, smoothed by a median and averaged
//! over heads; then the cheapest path through it by which neither tokens nor time go back (dynamic
//! time warping).

use super::Halt;
use super::decoder::{Decoder, Memory};
use super::vocabulary::Vocabulary;
use crate::audio::Going;
use crate::cpu;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::softmax;
use crate::vision::parallel;

/// Moments that the median sees.
const MEDIAN: usize = 7;

/// A token's moment is `times[i]`, in steps from the window's start; one more is that of the end.
pub struct Alignment {
    pub times: Vec<usize>,
    /// How likely the model found each token, among tokens of text.
    pub probabilities: Vec<f32>,
}

/// How tokens are read for it: layers' heads, the opening up to the text, and the text.
pub struct Reading<'a> {
    pub heads: &'a [(usize, usize)],
    pub opening: &'a [u32],
    pub text: &'a [u32],
    /// Vectors of the window that are of the sound.
    pub moments: usize,
}

impl Alignment {
    /// Reads a text anew, asking between heads. None where it is empty, or longer than the model
    /// holds.
    pub fn new(
        decoder: &Decoder,
        vocabulary: &Vocabulary,
        memory: &mut Memory,
        reading: &Reading<'_>,
        going: Going<'_>,
    ) -> Result<Option<Self>, Halt> {
        let Reading { heads, opening, text, moments } = *reading;
        let tokens = [opening, &[vocabulary.no_timestamps], text, &[vocabulary.end]].concat();
        if text.is_empty() || moments == 0 || tokens.len() > decoder.targets() {
            return Ok(None);
        }
        let (rows, threads) = (tokens.len(), cpu::threads());
        let (hidden, all) = decoder.shape();
        let (d, share) = (hidden / all, 1.0 / heads.len() as f32);
        let (mut one, mut mean) = (vec![0.0; rows * moments], vec![0.0; rows * moments]);
        let mut left = false;
        memory.rewind();
        let vectors = decoder.watched(&tokens, memory, &mut |layer, queries, keys| {
            for (_, head) in heads.iter().filter(|of| of.0 == layer) {
                left = left || !going();
                if left {
                    return;
                }
                let queries = Matrix::new(&queries[head * d..], rows, d, hidden);
                let keys = Matrix::new(&keys[head * d..], moments, d, hidden);
                let to = MatrixMut::new(&mut one, rows, moments, moments);
                matmul(to, queries, keys.transposed(), 1.0 / (d as f32).sqrt(), threads);
                parallel::rows(&mut one, moments, threads, |_, row| softmax(row));
                compare(&mut one, moments);
                parallel::rows(&mut mean, moments, threads, |row, sums| {
                    let smooth = median(&one[row * moments..][..moments]);
                    smooth.zip(sums).for_each(|(x, sum)| *sum += x * share);
                });
            }
        });
        if left {
            return Err(Halt::Stopped);
        }
        let times = path(&mean[opening.len() * moments..(rows - 1) * moments], moments);
        let mut probabilities = Vec::with_capacity(text.len());
        decoder.each_logits(&vectors, opening.len()..opening.len() + text.len(), |i, logits| {
            let logits = &mut logits[..vocabulary.end as usize];
            softmax(logits);
            probabilities.push(logits[text[i] as usize]);
        });
        Ok(Some(Self { times, probabilities }))
    }
}

/// Each moment's values over the tokens: less their mean, over their deviation.
fn compare(weights: &mut [f32], moments: usize) {
    let rows = (weights.len() / moments) as f32;
    let mut sums = vec![(0.0_f64, 0.0_f64); moments];
    for row in weights.chunks_exact(moments) {
        for (x, (sum, squares)) in row.iter().zip(&mut sums) {
            *sum += f64::from(*x);
            *squares += f64::from(*x).powi(2);
        }
    }
    for row in weights.chunks_exact_mut(moments) {
        for (x, (sum, squares)) in row.iter_mut().zip(&sums) {
            let mean = sum / f64::from(rows);
            let deviation = (squares / f64::from(rows) - mean * mean).max(0.0).sqrt();
            *x = if deviation > 0.0 { ((f64::from(*x) - mean) / deviation) as f32 } else { 0.0 };
        }
    }
}

/// Each value's median with its neighbours, mirrored at the ends; of fewer, the values themselves.
fn median(row: &[f32]) -> impl Iterator<Item = f32> {
    let half = MEDIAN / 2;
    let last = row.len() - 1;
    let at = move |i: isize| {
        let i = i.unsigned_abs();
        row[if i > last { 2 * last - i } else { i }]
    };
    (0..row.len()).map(move |i| {
        if last < half {
            return row[i];
        }
        let mut near: [f32; MEDIAN] =
            std::array::from_fn(|k| at(i as isize + k as isize - half as isize));
        near.sort_by(f32::total_cmp);
        near[half]
    })
}

/// Where the dearest path through `weights` [rows, moments] enters each row.
fn path(weights: &[f32], moments: usize) -> Vec<usize> {
    #[derive(Clone, Copy)]
    enum Step {
        Both,
        Row,
        Moment,
    }
    let rows = weights.len() / moments;
    let mut before = vec![f32::INFINITY; moments + 1];
    before[0] = 0.0;
    let mut steps = Vec::with_capacity(rows * moments);
    for row in weights.chunks_exact(moments) {
        let mut costs = vec![f32::INFINITY; moments + 1];
        for (j, x) in row.iter().enumerate() {
            let (both, above, left) = (before[j], before[j + 1], costs[j]);
            let (cost, step) = if both < above && both < left {
                (both, Step::Both)
            } else if above < both && above < left {
                (above, Step::Row)
            } else {
                (left, Step::Moment)
            };
            costs[j + 1] = (f64::from(cost) - f64::from(*x)) as f32;
            steps.push(step);
        }
        before = costs;
    }
    let mut entered = vec![0; rows];
    let (mut i, mut j) = (rows, moments);
    while i > 0 && j > 0 {
        entered[i - 1] = j - 1;
        match steps[(i - 1) * moments + j - 1] {
            Step::Both => (i, j) = (i - 1, j - 1),
            Step::Row => i -= 1,
            Step::Moment => j -= 1,
        }
    }
    entered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_weights_and_never_goes_back() {
        let mut weights = vec![-1.0; 3 * 6];
        for (row, moments) in [(0, 0..2), (1, 2..5), (2, 5..6)] {
            moments.for_each(|j| weights[row * 6 + j] = 1.0);
        }
        assert_eq!(path(&weights, 6), [0, 2, 5]);
        // More tokens than moments: some share one.
        assert_eq!(path(&[1.0, -1.0, 1.0, -1.0, -1.0, 1.0], 2), [0, 0, 1]);
    }

    #[test]
    fn a_median_is_of_mirrored_neighbours() {
        let row = [9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0];
        // The first: 3 2 1 [9] 1 2 3; the last: 4 5 6 [0] 6 5 4.
        let expected = [2.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 5.0];
        assert_eq!(median(&row).collect::<Vec<_>>(), expected);
        assert_eq!(median(&row[..3]).collect::<Vec<_>>(), row[..3]);
    }
}
