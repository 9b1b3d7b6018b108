//! Which tokens may come next: those that the model's files do not suppress, and times in pairs
//! that never go back, or no times at all.

use crate::numeric::{log_sum_exp, maximum};

pub struct Rules<'a> {
    pub suppressed: &'a [u32],
    pub suppressed_at_first: &'a [u32],
    pub end: u32,
    pub first_time: u32,
    /// None: the text is to have no times.
    pub times: Option<Times>,
}

#[derive(Clone, Copy)]
pub struct Times {
    /// The latest that may be the first, in steps.
    pub most_initial: Option<u32>,
}

impl Rules<'_> {
    /// Takes from `logits` what may not follow `written`, the tokens behind the opening.
    pub fn apply(&self, logits: &mut [f32], written: &[u32]) {
        if written.is_empty() {
            forbid_each(logits, self.suppressed_at_first);
        }
        forbid_each(logits, self.suppressed);
        let first = self.first_time as usize;
        match self.times {
            Some(times) => times.apply(logits, written, (self.end as usize, first)),
            None => forbid(&mut logits[first..]),
        }
    }
}

impl Times {
    fn apply(&self, logits: &mut [f32], written: &[u32], (end, first): (usize, usize)) {
        logits[first - 1] = f32::NEG_INFINITY; // <|notimestamps|>
        let is_time = |id: &&u32| **id as usize >= first;
        let last = written.last().is_some_and(|id| is_time(&id));
        let before = written.len() < 2 || is_time(&&written[written.len() - 2]);
        match (last, before) {
            (true, true) => forbid(&mut logits[first..]),
            (true, false) => forbid(&mut logits[..end]),
            _ => {}
        }
        if let Some(latest) = written.iter().rfind(is_time) {
            let open = last && !before;
            let least = *latest as usize + usize::from(!open);
            let least = least.min(logits.len());
            forbid(&mut logits[first..least]);
        }
        if written.is_empty() {
            forbid(&mut logits[..first]);
            if let Some(most) = self.most_initial {
                let from = (first + most as usize + 1).min(logits.len());
                forbid(&mut logits[from..]);
            }
        }
        // A time is due where all times together are likelier than any one token of text.
        let (text, times) = logits.split_at(first);
        if maximum(times) > f32::NEG_INFINITY && log_sum_exp(times) > maximum(text) {
            forbid(&mut logits[..first]);
        }
    }
}

fn forbid(logits: &mut [f32]) {
    logits.fill(f32::NEG_INFINITY);
}

fn forbid_each(logits: &mut [f32], ids: &[u32]) {
    ids.iter().for_each(|id| logits[*id as usize] = f32::NEG_INFINITY);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text 0 to 3, end 4, control 5, times from 6 on.
    fn allowed(written: &[u32], most_initial: Option<u32>) -> Vec<u32> {
        let mut logits = vec![1.0, 1.0, 1.0, 9.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0];
        let times = Some(Times { most_initial });
        let (suppressed, suppressed_at_first) = (&[1][..], &[0][..]);
        let rules = Rules { suppressed, suppressed_at_first, end: 4, first_time: 6, times };
        rules.apply(&mut logits, written);
        (0..10).filter(|id| logits[*id as usize] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn a_text_begins_with_a_time_and_not_too_late() {
        assert_eq!(allowed(&[], None), [6, 7, 8, 9]);
        assert_eq!(allowed(&[], Some(1)), [6, 7]);
    }

    #[test]
    fn times_come_in_pairs_and_never_go_back() {
        assert_eq!(allowed(&[6], None), [0, 2, 3, 4]);
        assert_eq!(allowed(&[6, 0], None), [0, 2, 3, 4, 7, 8, 9]);
        assert_eq!(allowed(&[6, 0, 8], None), [4, 8, 9]);
        assert_eq!(allowed(&[6, 0, 8, 8], None), [0, 2, 3, 4]);
        assert_eq!(allowed(&[6, 0, 8, 8, 0], None), [0, 2, 3, 4, 9]);
    }

    #[test]
    fn a_time_is_due_where_times_together_are_likelier() {
        let mut logits = vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.9];
        let times = Some(Times { most_initial: None });
        let (suppressed, suppressed_at_first) = (&[][..], &[][..]);
        let rules = Rules { suppressed, suppressed_at_first, end: 4, first_time: 6, times };
        let mut plain = logits.clone();
        rules.apply(&mut logits, &[6, 0]);
        assert!(logits[..7].iter().all(|x| *x == f32::NEG_INFINITY));
        assert_eq!(logits[9], 0.9);
        Rules { times: None, ..rules }.apply(&mut plain, &[]);
        assert!(plain[..6].iter().all(|x| *x == 1.0));
        assert!(plain[6..].iter().all(|x| *x == f32::NEG_INFINITY));
    }
}
