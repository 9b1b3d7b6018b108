//! Token ids back to text, whole characters only.
//!
//! A byte-level token may hold part of a character; its bytes wait until the rest arrives. Bytes
//! that can never become a character turn into U+FFFD at once; an unfinished one is dropped at
//! the end.

use std::sync::Arc;
use tokenizers::{DecoderWrapper, Tokenizer};

/// How a vocabulary writes its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Each character stands for a byte (GPT-2).
    Bytes,
    /// ▁ stands for a blank and <0x41> for a byte (sentencepiece).
    Pieces,
}

impl Spelling {
    pub fn of(tokenizer: &Tokenizer) -> Self {
        match tokenizer.get_decoder() {
            Some(DecoderWrapper::ByteLevel(_)) => Self::Bytes,
            _ => Self::Pieces,
        }
    }
}

/// The bytes of every token; control tokens have none.
pub struct Vocabulary(Vec<Box<[u8]>>);

impl Vocabulary {
    /// The tokens by their ids; those that `tokenizer` knows as special are no text.
    pub fn new(texts: &[&str], spelling: Spelling, tokenizer: &Tokenizer) -> Self {
        let added = tokenizer.get_added_tokens_decoder();
        let bytes = byte_of_char();
        let token = |(id, text): (u32, &&str)| -> Box<[u8]> {
            match (added.get(&id), spelling) {
                (Some(token), _) if token.special => Box::default(),
                (Some(token), _) => token.content.as_bytes().into(),
                (None, Spelling::Bytes) => {
                    text.chars().filter_map(|c| bytes.get(c as usize).copied().flatten()).collect()
                }
                (None, Spelling::Pieces) => piece(text),
            }
        };
        Self((0u32..).zip(texts).map(token).collect())
    }

    /// The bytes of a token; none for one that is not there.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.0.get(id as usize).map_or(&[], |b| b)
    }
}

fn piece(text: &str) -> Box<[u8]> {
    let hex = text.strip_prefix("<0x").and_then(|t| t.strip_suffix('>'));
    match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
        Some(byte) => Box::new([byte]),
        None => text.replace('▁', " ").into_bytes().into(),
    }
}

/// GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on.
fn byte_of_char() -> [Option<u8>; 512] {
    let mut table = [None; 512];
    let mut other = 256;
    for byte in 0..=255u8 {
        let printable = matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
        let c = if printable {
            usize::from(byte)
        } else {
            other += 1;
            other - 1
        };
        table[c] = Some(byte);
    }
    table
}

pub struct Detokenizer {
    vocabulary: Arc<Vocabulary>,
    pending: Vec<u8>,
}

impl Detokenizer {
    pub fn new(vocabulary: Arc<Vocabulary>) -> Self {
        Self { vocabulary, pending: Vec::new() }
    }

    /// The text that this token completes; empty while a character is unfinished.
    pub fn push(&mut self, id: u32) -> String {
        self.pending.extend_from_slice(self.vocabulary.bytes(id));
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(rest) => {
                    text.push_str(rest);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let valid = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..valid]));
                    let Some(invalid) = error.error_len() else {
                        self.pending.drain(..valid);
                        return text;
                    };
                    text.push(char::REPLACEMENT_CHARACTER);
                    self.pending.drain(..valid + invalid);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detokenizer(tokens: &[&[u8]]) -> Detokenizer {
        let tokens = tokens.iter().map(|t| Box::from(*t)).collect();
        Detokenizer::new(Arc::new(Vocabulary(tokens)))
    }

    #[test]
    fn a_character_split_over_tokens_arrives_whole() {
        let smile = "🙂".as_bytes();
        let mut d = detokenizer(&[&smile[..1], &smile[1..3], &smile[3..], b"a"]);
        assert_eq!([0, 1, 2, 3].map(|id| d.push(id)), ["", "", "🙂", "a"]);
    }

    #[test]
    fn bytes_that_are_no_character_are_replaced() {
        let mut d = detokenizer(&[b"\xff", b"\xc3", b"(", b"\xc3\xa9"]);
        assert_eq!([0, 1, 2, 3].map(|id| d.push(id)), ["\u{fffd}", "", "\u{fffd}(", "é"]);
    }

    #[test]
    fn pieces_are_blanks_and_bytes() {
        assert_eq!(&*piece("▁the▁end"), b" the end");
        assert_eq!(&*piece("<0x0A>"), b"\n");
        assert_eq!(&*piece("<0xZZ>"), b"<0xZZ>");
    }

    #[test]
    fn the_byte_table_is_a_bijection() {
        let mut bytes: Vec<u8> = byte_of_char().into_iter().flatten().collect();
        bytes.sort_unstable();
        assert_eq!(bytes, (0..=255).collect::<Vec<u8>>());
        assert_eq!(byte_of_char()['Ġ' as usize], Some(b' '));
        assert_eq!(byte_of_char()['Ċ' as usize], Some(b'\n'));
    }
}
