//! Words and their times, from a text's tokens and their moments.
//!
//! What a word is is that of OpenAI's reference (whisper/tokenizer.py).

use super::alignment::Alignment;
use super::segment::Segment;
use super::vocabulary::Vocabulary;
use super::word_lengths::{fit, merge_punctuation, shorten_at_ends};

/// Seconds of a moment.
const MOMENT: f64 = 0.02;
/// Languages that put no blanks between words.
const WITHOUT_BLANKS: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// A word of usual length is no longer, in seconds.
const USUAL: f64 = 0.7;

/// Times are in seconds of the whole sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// With the blank before it.
    pub text: String,
    pub start: f64,
    pub end: f64,
    /// The mean of its tokens'.
    pub probability: f32,
}

/// A word on the way there: from the window's start, with its number of tokens.
pub(super) struct Timed {
    pub word: Word,
    pub tokens: usize,
}

/// Gives segments their words, and times that fit them. `text`: their tokens of text. `said_until`: where the last word before
/// them ended.
pub fn tell(
    vocabulary: &Vocabulary,
    (text, language): (&[u32], Option<&str>),
    (alignment, offset): (&Alignment, f64),
    segments: &mut [Segment],
    mut said_until: f64,
) {
    let characters = whole_characters(text, |ids| vocabulary.bytes(ids));
    let blanks = !language.is_some_and(|code| WITHOUT_BLANKS.contains(&code));
    let mut words = timed(if blanks { by_blanks(characters) } else { characters }, alignment);
    let mut lengths: Vec<f64> =
        words.iter().map(|w| w.word.end - w.word.start).filter(|s| *s != 0.0).collect();
    let usual = middle(&mut lengths).min(USUAL);
    if !lengths.is_empty() {
        shorten_at_ends(&mut words, 2.0 * usual);
    }
    merge_punctuation(&mut words);
    let mut words = words.into_iter();
    for segment in segments {
        let count = segment.tokens.iter().filter(|id| **id < vocabulary.end).count();
        let mut taken = 0;
        while taken < count {
            let Some(Timed { mut word, tokens }) = words.next() else { break };
            taken += tokens;
            if !word.text.is_empty() {
                word.start = hundredths(offset + word.start);
                word.end = hundredths(offset + word.end);
                segment.words.push(word);
            }
        }
        if !segment.words.is_empty() {
            fit(segment, said_until, usual);
            said_until = segment.end;
        }
    }
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// The median; 0 of nothing.
fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Tokens in groups that are whole characters: their text, and how many they are.
fn whole_characters(tokens: &[u32], bytes: impl Fn(&[u32]) -> Vec<u8>) -> Vec<(String, usize)> {
    let text = |ids: &[u32]| String::from_utf8_lossy(&bytes(ids)).into_owned();
    let whole: Vec<char> = text(tokens).chars().collect();
    let (mut groups, mut from, mut characters) = (vec![], 0, 0);
    for to in 1..=tokens.len() {
        let part = text(&tokens[from..to]);
        let torn = part.chars().position(|c| c == char::REPLACEMENT_CHARACTER);
        // What is no character in the whole text either never will be one.
        if torn.is_none_or(|at| {
            whole.get(characters + at).is_none_or(|c| *c == char::REPLACEMENT_CHARACTER)
        }) {
            characters += part.chars().count();
            groups.push((part, to - from));
            from = to;
        }
    }
    groups
}

/// A word begins with a blank, or is punctuation.
fn by_blanks(groups: Vec<(String, usize)>) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = vec![];
    for (text, tokens) in groups {
        let own = text.starts_with(' ') || PUNCTUATION.contains(text.trim());
        match words.last_mut() {
            Some(last) if !own => {
                last.0 += &text;
                last.1 += tokens;
            }
            _ => words.push((text, tokens)),
        }
    }
    words
}

fn timed(words: Vec<(String, usize)>, alignment: &Alignment) -> Vec<Timed> {
    let mut first = 0;
    let mut timed = Vec::with_capacity(words.len());
    for (text, tokens) in words {
        let behind = first + tokens;
        let at = |token: usize| alignment.times[token] as f64 * MOMENT;
        let probability =
            alignment.probabilities[first..behind].iter().sum::<f32>() / tokens as f32;
        let word = Word { text, start: at(first), end: at(behind), probability };
        timed.push(Timed { word, tokens });
        first = behind;
    }
    timed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_with_blanks_and_punctuation_stands_alone() {
        let groups = [" He", "llo", ",", " (", "wor", "ld", ")", "."];
        let groups = groups.map(|text| (text.to_owned(), 1)).to_vec();
        let words: Vec<_> = by_blanks(groups).into_iter().map(|(text, _)| text).collect();
        assert_eq!(words, [" Hello", ",", " (world", ")", "."]);
    }

    #[test]
    fn characters_stay_whole_and_what_is_none_stands_alone() {
        let pieces: [&[u8]; 5] = [" 水".as_bytes(), b"\xe7\x81", b"\xab", b"\xff", b"a"];
        let bytes = |ids: &[u32]| ids.iter().flat_map(|id| pieces[*id as usize]).copied().collect();
        let groups = whole_characters(&[0, 1, 2, 3, 4, 1], bytes);
        let groups: Vec<_> = groups.iter().map(|(text, n)| (text.as_str(), *n)).collect();
        assert_eq!(groups, [(" 水", 1), ("火", 2), ("\u{fffd}", 1), ("a", 1), ("\u{fffd}", 1)]);
    }
}
