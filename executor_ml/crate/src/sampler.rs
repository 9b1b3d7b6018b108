//! Choosing the next token. The same seed and the same logits give the same tokens, on every
//! machine and in every version of this crate: the generator is written out here.

use crate::error::{Error, Result};
use crate::numeric::{exp, log_sum_exp, maximum};

/// How tokens are chosen; temperature 0 always takes the likeliest.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    pub temperature: f32,
    /// Only the k likeliest; 0 means all.
    pub top_k: usize,
    /// Only the likeliest whose probabilities reach this sum; 1 means all.
    pub top_p: f32,
    pub seed: u64,
}

impl Sampling {
    pub fn check(&self) -> Result<()> {
        let range = |ok: bool, name, expected| match ok {
            true => Ok(()),
            false => Err(Error::Parameter { name, expected }),
        };
        let t = self.temperature;
        range(t.is_finite() && t >= 0.0, "temperature", "must be 0 or more")?;
        range(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", "must be above 0 and at most 1")
    }
}

/// A token and the model's own log-probability of it (at temperature 1, before any cut).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub id: u32,
    pub logprob: f32,
}

pub struct Sampler {
    sampling: Sampling,
    random: SplitMix64,
    candidates: Vec<(f32, u32)>,
}

impl Sampler {
    pub fn new(sampling: Sampling) -> Self {
        Self { random: SplitMix64(sampling.seed), sampling, candidates: Vec::new() }
    }

    pub fn choose(&mut self, logits: &[f32]) -> Result<Choice> {
        let normalizer = log_sum_exp(logits);
        if !normalizer.is_finite() {
            return Err(Error::Numeric);
        }
        let id = match self.sampling.temperature {
            0.0 => greedy(logits),
            temperature => self.sample(logits, temperature),
        };
        Ok(Choice { id, logprob: logits[id as usize] - normalizer })
    }

    fn sample(&mut self, logits: &[f32], temperature: f32) -> u32 {
        let Sampling { top_k, top_p, .. } = self.sampling;
        let max = maximum(logits);
        let weights = logits.iter().map(|l| exp((l - max) / temperature));
        self.candidates.clear();
        self.candidates.extend(weights.zip(0..));
        // Likeliest first; equal ones by id, so that the order is total.
        let order = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if top_k > 0 && top_k < self.candidates.len() {
            self.candidates.select_nth_unstable_by(top_k - 1, order);
            self.candidates.truncate(top_k);
        }
        if top_p < 1.0 {
            let total: f32 = self.candidates.iter().map(|c| c.0).sum();
            // Below this weight a candidate cannot be among those that reach top_p: all such
            // together weigh less than the rest of 1 − top_p. Saves sorting the vocabulary.
            let cutoff = (1.0 - top_p) * total / self.candidates.len() as f32;
            let likeliest = self.candidates.iter().copied().min_by(order);
            self.candidates.retain(|c| c.0 >= cutoff);
            if self.candidates.is_empty() {
                self.candidates.extend(likeliest);
            }
            self.candidates.sort_unstable_by(order);
            let mut sum = 0.0;
            let reached = self.candidates.iter().position(|c| {
                sum += c.0;
                sum >= top_p * total
            });
            self.candidates.truncate(reached.map_or(self.candidates.len(), |i| i + 1));
        } else if top_k > 0 {
            self.candidates.sort_unstable_by(order);
        }
        self.draw()
    }

    fn draw(&mut self) -> u32 {
        let total: f64 = self.candidates.iter().map(|c| f64::from(c.0)).sum();
        let mut left = self.random.unit() * total;
        for (weight, id) in &self.candidates {
            left -= f64::from(*weight);
            if left < 0.0 {
                return *id;
            }
        }
        // Rounding left a sliver: the last candidate's.
        self.candidates.last().map_or(0, |c| c.1)
    }
}

/// The first of the largest logits.
fn greedy(logits: &[f32]) -> u32 {
    let max = maximum(logits);
    logits.iter().position(|l| *l == max).unwrap_or(0) as u32
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [0, 1), 53 bits.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(temperature: f32, top_k: usize, top_p: f32) -> Sampler {
        Sampler::new(Sampling { temperature, top_k, top_p, seed: 7 })
    }

    fn counts(mut sampler: Sampler, logits: &[f32], draws: usize) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        for _ in 0..draws {
            counts[sampler.choose(logits).unwrap().id as usize] += 1;
        }
        counts
    }

    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix64(1_234_567);
        let first = [random.next(), random.next(), random.next()];
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn draws_follow_the_probabilities() {
        let weights = [1.0f32, 2.0, 3.0, 4.0, 0.5, 5.0];
        let logits: Vec<f32> = weights.iter().map(|w| w.ln()).collect();
        let draws = 20_000;
        let counts = counts(sampler(1.0, 0, 1.0), &logits, draws);
        let total: f32 = weights.iter().sum();
        let chi_square: f64 = weights
            .iter()
            .zip(&counts)
            .map(|(w, n)| {
                let expected = f64::from(*w / total) * draws as f64;
                (*n as f64 - expected).powi(2) / expected
            })
            .sum();
        // 99.9 % quantile at five degrees of freedom.
        assert!(chi_square < 20.5, "{chi_square}: {counts:?}");
    }

    #[test]
    fn cuts_keep_only_the_likeliest() {
        let logits = [0.0, 3.0, 1.0, 2.0, -1.0];
        let kept = |c: Vec<usize>| c.iter().map(|n| *n > 0).collect::<Vec<_>>();
        let top_k = kept(counts(sampler(1.0, 2, 1.0), &logits, 500));
        assert_eq!(top_k, [false, true, false, true, false]);
        let top_p = kept(counts(sampler(1.0, 0, 0.7), &logits, 500));
        assert_eq!(top_p, [false, true, false, true, false]);
        let tiny = kept(counts(sampler(1.0, 0, 1e-9), &logits, 100));
        assert_eq!(tiny, [false, true, false, false, false]);
    }

    #[test]
    fn log_probabilities_are_the_models_own() {
        let logits = [1.0f32, 2.0, 3.0];
        let choice = sampler(0.0, 0, 1.0).choose(&logits).unwrap();
        let expected = 3.0 - logits.iter().map(|l| l.exp()).sum::<f32>().ln();
        assert_eq!(choice.id, 2);
        assert!((choice.logprob - expected).abs() < 1e-6);
    }

    #[test]
    fn not_a_number_is_an_error() {
        let error = sampler(0.0, 0, 1.0).choose(&[0.0, f32::NAN]).unwrap_err();
        assert!(matches!(error, Error::Numeric));
    }
}
