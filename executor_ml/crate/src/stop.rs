//! Stop strings, which may span tokens: text that could be the start of one is held back.

pub struct Stop {
    strings: Vec<String>,
    held: String,
}

/// What may be shown after a piece of text, and whether a stop string ended it.
#[derive(Debug, PartialEq, Eq)]
pub struct Passed {
    pub text: String,
    pub stopped: bool,
}

impl Stop {
    /// Empty strings never match.
    pub fn new(strings: Vec<String>) -> Self {
        Self {
            strings: strings.into_iter().filter(|s| !s.is_empty()).collect(),
            held: String::new(),
        }
    }

    pub fn push(&mut self, text: &str) -> Passed {
        self.held.push_str(text);
        if let Some(at) = self.strings.iter().filter_map(|s| self.held.find(s)).min() {
            self.held.truncate(at);
            return Passed { text: std::mem::take(&mut self.held), stopped: true };
        }
        let keep = self.strings.iter().map(|s| overlap(&self.held, s)).max();
        let rest = self.held.split_off(self.held.len() - keep.unwrap_or(0));
        Passed { text: std::mem::replace(&mut self.held, rest), stopped: false }
    }

    /// What was held back when generation ends without a stop string.
    pub fn flush(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length of the longest proper prefix of `stop` that `text` ends with.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices().map(|(i, _)| i).rev().find(|i| text.ends_with(&stop[..*i])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool) {
        let mut stop = Stop::new(stops.iter().map(|s| (*s).into()).collect());
        let mut shown = Vec::new();
        for piece in pieces {
            let passed = stop.push(piece);
            shown.push(passed.text);
            if passed.stopped {
                return (shown, true);
            }
        }
        shown.push(stop.flush());
        (shown, false)
    }

    #[test]
    fn a_stop_string_across_pieces_is_never_shown() {
        let (shown, stopped) = run(&["<end>"], &["one <e", "nd", "> two"]);
        assert!(stopped);
        assert_eq!(shown, ["one ", "", ""]);
    }

    #[test]
    fn a_false_start_is_shown_later() {
        let (shown, stopped) = run(&["<end>"], &["a<en", "x", "<", "b"]);
        assert!(!stopped);
        assert_eq!(shown, ["a", "<enx", "", "<b", ""]);
    }

    #[test]
    fn the_earliest_stop_wins() {
        let (shown, stopped) = run(&["world", "lo"], &["hello world"]);
        assert!(stopped);
        assert_eq!(shown, ["hel"]);
    }

    #[test]
    fn without_stops_nothing_waits() {
        assert_eq!(run(&[""], &["a", "é"]).0, ["a", "é", ""]);
    }
}
