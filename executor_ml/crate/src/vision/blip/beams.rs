//! Beam search by transformers' rules: twice as many continuations as beams are looked at; the best
//! half of them may end, the best that do not end go on; scores are divided by a power of the length.

/// One beam, without what it was told to begin with.
#[derive(Clone, Debug, PartialEq)]
pub struct Beam {
    pub tokens: Vec<u32>,
    pub score: f32,
}

pub struct Beams {
    count: usize,
    most: usize,
    end: u32,
    penalty: f32,
    early: bool,
    running: Vec<Beam>,
    finished: Vec<Beam>,
    /// Whether one that goes on may still become better than those that have ended.
    hopeful: bool,
}

impl Beams {
    /// `most`: tokens of a text, its end counted.
    pub fn new(count: usize, most: usize, end: u32, penalty: f32, early: bool) -> Self {
        let running = vec![Beam { tokens: vec![], score: 0.0 }];
        Self { count, most, end, penalty, early, running, finished: vec![], hopeful: true }
    }

    /// The last token of each beam that goes on.
    pub fn last(&self) -> Vec<u32> {
        self.running.iter().filter_map(|beam| beam.tokens.last().copied()).collect()
    }

    /// Takes log-probabilities [beams, words]; which of the beams each next one continues, or None
    /// where the search has ended.
    pub fn step(&mut self, likely: &[f32]) -> Option<Vec<usize>> {
        let words = likely.len() / self.running.len();
        let length = self.running[0].tokens.len() + 1;
        let scale = (length as f32).powf(self.penalty);
        let (mut next, mut from, mut ended) = (vec![], vec![], vec![]);
        for (i, (score, at)) in self.continuations(likely, words).into_iter().enumerate() {
            let (beam, id) = (at / words, (at % words) as u32);
            let mut tokens = self.running[beam].tokens.clone();
            tokens.push(id);
            let ends = id == self.end || length >= self.most;
            if ends && i < self.count {
                ended.push(Beam { tokens, score: score / scale });
            } else if !ends && next.len() < self.count {
                next.push(Beam { tokens, score });
                from.push(beam);
            }
        }
        let full = self.finished.len() == self.count;
        if self.hopeful && !(full && self.early) {
            self.finished.extend(ended);
            self.finished.sort_by(|a, b| b.score.total_cmp(&a.score));
            self.finished.truncate(self.count);
        }
        let full = self.finished.len() == self.count;
        let best = next.first().map_or(f32::NEG_INFINITY, |beam| beam.score / scale);
        self.hopeful &= !full || self.finished.last().is_none_or(|worst| best > worst.score);
        if next.is_empty() || !self.hopeful || (full && self.early) {
            return None;
        }
        self.running = next;
        Some(from)
    }

    /// The likeliest continuations, best first, each with its place in `likely`.
    fn continuations(&self, likely: &[f32], words: usize) -> Vec<(f32, usize)> {
        let rows = self.running.iter().zip(likely.chunks_exact(words));
        let scores = rows.flat_map(|(beam, row)| row.iter().map(|x| beam.score + *x));
        let mut all: Vec<(f32, usize)> = scores.enumerate().map(|(i, x)| (x, i)).collect();
        let better = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let wanted = 2 * self.count;
        if all.len() > wanted {
            all.select_nth_unstable_by(wanted, better);
            all.truncate(wanted);
        }
        all.sort_by(better);
        all
    }

    /// The best text there is: of those that have ended, or else of those that go on.
    pub fn best(self) -> Beam {
        let mut all = if self.finished.is_empty() { self.running } else { self.finished };
        all.swap_remove(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities of three words, of which 2 ends a text.
    fn likely(a: f32, b: f32, end: f32) -> [f32; 3] {
        [a.ln(), b.ln(), end.ln()]
    }

    #[test]
    fn a_worse_beginning_with_a_better_end_wins() {
        let mut beams = Beams::new(2, 3, 2, 1.0, false);
        assert_eq!(beams.step(&likely(0.6, 0.39, 0.01)), Some(vec![0, 0]));
        assert_eq!(beams.last(), [0, 1]);
        let both = [likely(0.5, 0.3, 0.2), likely(0.01, 0.01, 0.98)].concat();
        assert_eq!(beams.step(&both), Some(vec![0, 0]));
        let both = [likely(0.4, 0.3, 0.3), likely(0.4, 0.3, 0.3)].concat();
        assert_eq!(beams.step(&both), None);
        assert_eq!(beams.best().tokens, [1, 2]);
    }

    #[test]
    fn a_text_ends_at_its_longest() {
        let mut beams = Beams::new(1, 2, 2, 1.0, true);
        assert_eq!(beams.step(&likely(0.6, 0.3, 0.1)), Some(vec![0]));
        assert_eq!(beams.step(&likely(0.1, 0.8, 0.1)), None);
        assert_eq!(beams.best().tokens, [0, 1]);
    }
}
