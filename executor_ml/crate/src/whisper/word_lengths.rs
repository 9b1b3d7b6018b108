//! Where punctuation belongs, and how long words next to a pause may be: as in OpenAI's reference
//! (whisper/timing.py).

use super::segment::Segment;
use super::words::Timed;

const BEFORE_A_WORD: &str = "\"'“¿([{-";
const ENDS_A_SENTENCE: &str = ".。!！?？";
const BEHIND_A_WORD: &str = "\"'.。,，!！?？:：”)]}、";

/// The mark that ends a sentence, and the word behind it, are no longer than `most`.
pub(super) fn shorten_at_ends(words: &mut [Timed], most: f64) {
    for i in 1..words.len() {
        let before = ENDS_A_SENTENCE.contains(words[i - 1].word.text.as_str());
        let word = &mut words[i].word;
        if word.end - word.start <= most {
            continue;
        }
        if ENDS_A_SENTENCE.contains(word.text.as_str()) {
            word.end = word.start + most;
        } else if before {
            word.start = word.end - most;
        }
    }
}

/// Punctuation becomes part of its word, and leaves an empty text behind.
pub(super) fn merge_punctuation(words: &mut [Timed]) {
    let mut following = words.len().saturating_sub(1);
    for i in (0..following).rev() {
        let text = &words[i].word.text;
        if text.starts_with(' ') && BEFORE_A_WORD.contains(text.trim()) {
            let (text, tokens) = take(&mut words[i]);
            words[following].word.text.insert_str(0, &text);
            words[following].tokens += tokens;
        } else {
            following = i;
        }
    }
    let mut previous = 0;
    for i in 1..words.len() {
        let ended = words[previous].word.text.ends_with(' ');
        if !ended && BEHIND_A_WORD.contains(words[i].word.text.as_str()) {
            let (text, tokens) = take(&mut words[i]);
            words[previous].word.text += &text;
            words[previous].tokens += tokens;
        } else {
            previous = i;
        }
    }
}

fn take(word: &mut Timed) -> (String, usize) {
    (std::mem::take(&mut word.word.text), std::mem::take(&mut word.tokens))
}

/// Words behind a pause are not too long, and the segment is where its words are; where the first or
/// the last one is far longer than the segment says, it is the segment that is right.
pub(super) fn fit(segment: &mut Segment, said_until: f64, usual: f64) {
    let most = 2.0 * usual;
    let words = &mut segment.words;
    let second = words.get(1).map(|w| (w.start, w.end));
    let first_long = words[0].end - words[0].start > most;
    let both_long = second.is_some_and(|(_, end)| end - words[0].start > 2.0 * most);
    if words[0].end - said_until > 4.0 * usual && (first_long || both_long) {
        if let Some((_, end)) = second.filter(|(start, end)| end - start > most) {
            let border = (end / 2.0).max(end - most);
            words[0].end = border;
            words[1].start = border;
        }
        words[0].start = (words[0].end - most).max(0.0);
    }
    if segment.start < words[0].end && segment.start - 0.5 > words[0].start {
        words[0].start = (words[0].end - usual).min(segment.start).max(0.0);
    } else {
        segment.start = words[0].start;
    }
    let last = words.last_mut().expect("a segment with words");
    if segment.end > last.start && segment.end + 0.5 < last.end {
        last.end = (last.start + usual).max(segment.end);
    } else {
        segment.end = last.end;
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::Word;
    use super::*;

    fn timed_words(words: &[(&str, f64, f64)]) -> Vec<Timed> {
        let one = |(text, start, end): &(&str, f64, f64)| Timed {
            word: Word { text: (*text).into(), start: *start, end: *end, probability: 1.0 },
            tokens: 1,
        };
        words.iter().map(one).collect()
    }

    #[test]
    fn punctuation_joins_its_word() {
        let mut words = timed_words(&[
            (" Hello", 0.0, 1.0),
            (",", 1.0, 1.1),
            (" (", 1.1, 1.2),
            ("world", 1.2, 2.0),
            (")", 2.0, 2.1),
            (".", 2.1, 2.2),
        ]);
        merge_punctuation(&mut words);
        let texts: Vec<_> = words.iter().map(|w| w.word.text.as_str()).collect();
        assert_eq!(texts, [" Hello,", "", "", " (world).", "", ""]);
        assert_eq!(words.iter().map(|w| w.tokens).collect::<Vec<_>>(), [2, 0, 0, 4, 0, 0]);
    }

    #[test]
    fn a_mark_and_the_word_behind_it_are_cut_to_twice_the_usual() {
        let mut words = timed_words(&[(" a", 0.0, 5.0), (".", 5.0, 9.0), (" b", 9.0, 12.0)]);
        shorten_at_ends(&mut words, 1.0);
        let times: Vec<_> = words.iter().map(|w| (w.word.start, w.word.end)).collect();
        assert_eq!(times, [(0.0, 5.0), (5.0, 6.0), (11.0, 12.0)]);
    }
}
