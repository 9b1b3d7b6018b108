//! Choosing the next token. The same seed and the same logits give the same tokens, on every
//! machine and in every version of this crate: the generator is written out here.

use crate::error::{Error, Result};
use crate::generate::Allowed;
use crate::numeric::{exp, log_sum_exp, maximum};
use std::collections::{HashMap, HashSet};

/// How tokens are chosen; temperature 0 always takes the likeliest.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    pub temperature: f32,
    /// Only the k likeliest; 0 means all.
    pub top_k: usize,
    /// Only the likeliest whose probabilities reach this sum; 1 means all.
    pub top_p: f32,
    /// Only those at least this times as probable as the likeliest; 0 means all.
    pub min_p: f32,
    /// Divides positive logits, and multiplies negative ones, of tokens of prompt and text; 1
    /// means nothing.
    pub repetition_penalty: f32,
    /// Taken from the logits of tokens that the text has.
    pub presence_penalty: f32,
    /// Taken from them as often as the text has them.
    pub frequency_penalty: f32,
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            seed: 0,
        }
    }
}

impl Sampling {
    pub fn check(&self) -> Result<()> {
        let range = |ok: bool, name, expected| match ok {
            true => Ok(()),
            false => Err(Error::Parameter { name, expected }),
        };
        let t = self.temperature;
        range(t.is_finite() && t >= 0.0, "temperature", "must be 0 or more")?;
        range(self.top_p > 0.0 && self.top_p <= 1.0, "top_p", "must be above 0 and at most 1")?;
        range((0.0..=1.0).contains(&self.min_p), "min_p", "must be from 0 to 1")?;
        let r = self.repetition_penalty;
        range(r.is_finite() && r > 0.0, "repetition_penalty", "must be above 0")?;
        let within = |p: f32| (-2.0..=2.0).contains(&p);
        range(within(self.presence_penalty), "presence_penalty", "must be from -2 to 2")?;
        range(within(self.frequency_penalty), "frequency_penalty", "must be from -2 to 2")
    }
}

/// A token and the model's own log-probability of it (at temperature 1, before any cut).
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    pub id: u32,
    pub logprob: f32,
    /// The likeliest tokens and their log-probabilities, likewise.
    pub alternatives: Vec<(u32, f32)>,
}

/// By a model's logits: a token's log-probability, and the likeliest tokens with theirs.
pub fn told(logits: &[f32], id: u32, alternatives: usize) -> Result<Choice> {
    let normalizer = log_sum_exp(logits);
    if !normalizer.is_finite() {
        return Err(Error::Numeric);
    }
    let logprob = logits[id as usize] - normalizer;
    Ok(Choice { id, logprob, alternatives: likeliest(logits, alternatives, normalizer) })
}

pub struct Sampler {
    sampling: Sampling,
    random: SplitMix64,
    candidates: Vec<(f32, u32)>,
    /// Tokens of the prompt and of the text.
    seen: HashSet<u32>,
    /// How often the text has each.
    counts: HashMap<u32, u32>,
}

impl Sampler {
    pub fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        Self {
            random: SplitMix64(sampling.seed),
            sampling,
            candidates: Vec::new(),
            seen: prompt.iter().copied().collect(),
            counts: HashMap::new(),
        }
    }

    /// Chooses the next token, among those that are `allowed`, and takes note of it; `logits` are
    /// left penalised.
    pub fn choose(
        &mut self,
        logits: &mut [f32],
        alternatives: usize,
        allowed: Option<&Allowed>,
    ) -> Result<Choice> {
        let normalizer = log_sum_exp(logits);
        if !normalizer.is_finite() {
            return Err(Error::Numeric);
        }
        let alternatives = likeliest(logits, alternatives, normalizer);
        let own = self.penalise(logits);
        if let Some(allowed) = allowed {
            allowed.apply(logits);
        }
        let id = match self.sampling.temperature {
            0.0 => greedy(logits),
            temperature => self.sample(logits, temperature),
        };
        self.seen.insert(id);
        *self.counts.entry(id).or_default() += 1;
        let own = own.get(&id).copied().unwrap_or(logits[id as usize]);
        Ok(Choice { id, logprob: own - normalizer, alternatives })
    }

    /// Applies the penalties; gives the logits that were changed, as the model has them.
    fn penalise(&self, logits: &mut [f32]) -> HashMap<u32, f32> {
        let Sampling { repetition_penalty, presence_penalty, frequency_penalty, .. } =
            self.sampling;
        let mut own = HashMap::new();
        if repetition_penalty != 1.0 {
            for id in &self.seen {
                let logit = &mut logits[*id as usize];
                own.insert(*id, *logit);
                *logit = match *logit > 0.0 {
                    true => *logit / repetition_penalty,
                    false => *logit * repetition_penalty,
                };
            }
        }
        if presence_penalty != 0.0 || frequency_penalty != 0.0 {
            for (id, count) in &self.counts {
                let logit = &mut logits[*id as usize];
                own.entry(*id).or_insert(*logit);
                *logit -= presence_penalty + frequency_penalty * *count as f32;
            }
        }
        own
    }

    fn sample(&mut self, logits: &[f32], temperature: f32) -> u32 {
        let Sampling { top_k, top_p, min_p, .. } = self.sampling;
        let max = maximum(logits);
        let possible = logits.iter().zip(0..).filter(|(l, _)| **l > f32::NEG_INFINITY);
        self.candidates.clear();
        self.candidates.extend(possible.map(|(l, id)| (exp((l - max) / temperature), id)));
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
        if min_p > 0.0 {
            // The likeliest weighs 1.
            self.candidates.retain(|c| c.0 >= min_p);
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

/// The `count` likeliest tokens with their log-probabilities, likeliest first.
fn likeliest(logits: &[f32], count: usize, normalizer: f32) -> Vec<(u32, f32)> {
    if count == 0 {
        return Vec::new();
    }
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let mut all: Vec<(u32, f32)> = (0..).zip(logits.iter().map(|l| l - normalizer)).collect();
    let count = count.min(all.len());
    all.select_nth_unstable_by(count - 1, order);
    all.truncate(count);
    all.sort_unstable_by(order);
    all
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
        Sampler::new(Sampling { temperature, top_k, top_p, seed: 7, ..Sampling::default() }, &[])
    }

    fn counts(mut sampler: Sampler, logits: &[f32], draws: usize) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        for _ in 0..draws {
            counts[sampler.choose(&mut logits.to_vec(), 0, None).unwrap().id as usize] += 1;
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
        let choice = sampler(0.0, 0, 1.0).choose(&mut logits.clone(), 2, None).unwrap();
        let expected = 3.0 - logits.iter().map(|l| l.exp()).sum::<f32>().ln();
        assert_eq!(choice.id, 2);
        assert!((choice.logprob - expected).abs() < 1e-6);
        assert_eq!(choice.alternatives, [(2, choice.logprob), (1, choice.logprob - 1.0)]);
    }

    #[test]
    fn min_p_keeps_what_is_near_the_likeliest() {
        let logits = [0.5f32, 1.0, 0.2, 0.09].map(f32::ln);
        let sampling = Sampling { temperature: 1.0, min_p: 0.19, seed: 3, ..Sampling::default() };
        let kept = counts(Sampler::new(sampling, &[]), &logits, 500);
        assert_eq!(kept.iter().map(|n| *n > 0).collect::<Vec<_>>(), [true, true, true, false]);
    }

    #[test]
    fn penalties_follow_their_definitions() {
        let sampling = Sampling {
            repetition_penalty: 2.0,
            presence_penalty: 0.5,
            frequency_penalty: 0.25,
            ..Sampling::default()
        };
        let mut sampler = Sampler::new(sampling, &[0, 1]);
        let own = [4.0, -1.0, 2.5, 0.0];
        let mut logits = own;
        // 0 and 1 are in the prompt: 4/2 and −1·2.
        assert_eq!(sampler.choose(&mut logits, 0, None).unwrap().id, 2);
        assert_eq!(logits, [2.0, -2.0, 2.5, 0.0]);
        let mut logits = own;
        // 2 is in the text once: 2.5/2 − 0.5 − 0.25.
        let choice = sampler.choose(&mut logits, 0, None).unwrap();
        assert_eq!((choice.id, logits), (0, [2.0, -2.0, 0.5, 0.0]));
        let normalizer = own.iter().map(|l| l.exp()).sum::<f32>().ln();
        assert!((choice.logprob - (4.0 - normalizer)).abs() < 1e-5, "not the model's own");
    }

    #[test]
    fn not_a_number_is_an_error() {
        let error = sampler(0.0, 0, 1.0).choose(&mut [0.0, f32::NAN], 0, None).unwrap_err();
        assert!(matches!(error, Error::Numeric));
    }
}
