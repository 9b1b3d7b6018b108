//! A part of the text and its times.

use super::words::Word;

/// Times are in seconds of the whole sound.
#[derive(Clone, Debug)]
pub struct Segment {
    pub start: f64,
    pub end: f64,
    pub text: String,
    /// With its times and other control tokens.
    pub tokens: Vec<u32>,
    /// The tokens of its text: their ids, the whole characters that they complete, and their
    /// log-probabilities.
    pub pieces: Vec<(u32, String, f32)>,
    /// Where they were asked for.
    pub words: Vec<Word>,
}

/// Where a window's tokens are cut, and how far the next window moves.
#[derive(Debug, PartialEq)]
pub struct Cut {
    /// Each part's tokens, and its start and end in steps of time from the window's start.
    pub parts: Vec<(std::ops::Range<usize>, f64, f64)>,
    /// In frames.
    pub advance: usize,
    /// Whether a lone time at the end says that nothing more is said.
    pub ended: bool,
}

/// Frames of a step of time.
const STEP: usize = 2;

/// Cuts `tokens` of a window of `frames` frames, where times begin at the id `first`.
pub fn cut(tokens: &[u32], first: u32, frames: usize) -> Cut {
    let is_time = |i: usize| tokens[i] >= first;
    let steps = |i: usize| f64::from(tokens[i].saturating_sub(first));
    let count = tokens.len();
    let single_ending = count >= 2 && !is_time(count - 2) && is_time(count - 1);
    let mut ends: Vec<usize> = (1..count).filter(|i| is_time(i - 1) && is_time(*i)).collect();
    if ends.is_empty() {
        let latest = (0..count).rfind(|i| is_time(*i)).map(steps).filter(|s| *s > 0.0);
        let end = latest.unwrap_or(frames as f64 / STEP as f64);
        return Cut { parts: vec![(0..count, 0.0, end)], advance: frames, ended: single_ending };
    }
    if single_ending {
        ends.push(count);
    }
    let starts = std::iter::once(0).chain(ends.iter().copied());
    let parts: Vec<_> =
        starts.zip(&ends).map(|(from, to)| (from..*to, steps(from), steps(*to - 1))).collect();
    let advance = match (single_ending, ends.last()) {
        // What is behind the last whole part is heard again.
        (false, Some(end)) => (steps(end - 1) as usize * STEP).max(1),
        _ => frames,
    };
    Cut { parts, advance, ended: single_ending }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_where_two_times_meet() {
        let cut = cut(&[100, 1, 2, 110, 110, 3, 150, 150, 4], 100, 3000);
        assert_eq!(cut.parts, [(0..4, 0.0, 10.0), (4..7, 10.0, 50.0)]);
        assert_eq!(cut.advance, 100);
    }

    #[test]
    fn one_time_at_the_end_says_that_nothing_more_is_said() {
        let cut = cut(&[100, 1, 110, 110, 3, 150], 100, 2000);
        assert_eq!(cut.parts, [(0..3, 0.0, 10.0), (3..6, 10.0, 50.0)]);
        assert_eq!(cut.advance, 2000);
    }

    #[test]
    fn without_pairs_it_is_one_part() {
        assert_eq!(cut(&[100, 1, 120], 100, 3000).parts, [(0..3, 0.0, 20.0)]);
        assert_eq!(cut(&[1, 2], 100, 900).parts, [(0..2, 0.0, 450.0)]);
        let nothing = cut(&[], 100, 900);
        assert_eq!((nothing.parts, nothing.advance), (vec![(0..0, 0.0, 450.0)], 900));
    }
}
