//! Text to token ids: a BERT-style `tokenizer.json`, or the byte-level BPE inside a GGUF file.
//!
//! Truncation and padding that a file brings along are dropped: the model's own limit decides.

use crate::error::{Error, Result};
use crate::gguf::Gguf;
use std::path::Path;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{AddedToken, SplitDelimiterBehavior};
use tokenizers::{Tokenizer, TruncationParams};

/// Reads `tokenizer.json`; encodings are whole.
pub fn plain_from_json(path: &Path) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|e| Error::model(path, e))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|e| Error::model(path, e))?;
    Ok(tokenizer)
}

/// Reads `tokenizer.json`; encodings keep at most `max_tokens` tokens, special ones included.
pub fn from_json(path: &Path, max_tokens: usize) -> Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path).map_err(|e| Error::model(path, e))?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(truncation)).map_err(|e| Error::model(path, e))?;
    Ok(tokenizer)
}

/// A prefix of `text` that gives a BERT tokenizer's first `tokens` tokens all the same, so that a
/// text of megabytes costs no more than what is read of it.
///
/// Such a tokenizer always splits at these blanks (other white space it may delete), and a word
/// with an ASCII letter or digit is at least one token.
pub fn head(text: &str, tokens: usize) -> &str {
    let mut end = 0;
    let mut words = 0;
    for word in text.split_inclusive([' ', '\t', '\n', '\r']) {
        if words > tokens {
            break;
        }
        words += usize::from(word.bytes().any(|b| b.is_ascii_alphanumeric()));
        end += word.len();
    }
    &text[..end]
}

/// Kinds of token in `tokenizer.ggml.token_type` that are no text.
const CONTROL: u32 = 3;
const USER_DEFINED: u32 = 4;

/// How text is cut before BPE, by `tokenizer.ggml.pre` (llama.cpp's table of pre-tokenizers).
fn pre_tokenizer(name: &str) -> Option<PreTokenizerWrapper> {
    const CONTRACTIONS: &str = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
    const WORDS: &str = r"[^\r\n\p{L}\p{N}]?\p{L}+";
    const REST: &str = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    let split = |digits: &str| -> Option<PreTokenizerWrapper> {
        let pattern = SplitPattern::Regex(format!("{CONTRACTIONS}|{WORDS}|{digits}|{REST}"));
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).ok()?;
        let bytes = ByteLevel::new(false, true, false);
        Some(Sequence::new(vec![split.into(), bytes.into()]).into())
    };
    match name {
        "default" | "gpt-2" => Some(ByteLevel::new(false, true, true).into()),
        "smollm" => Some(
            Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()])
                .into(),
        ),
        "llama-bpe" | "llama3" | "smaug-bpe" => split(r"\p{N}{1,3}"),
        "qwen2" => split(r"\p{N}"),
        _ => None,
    }
}

/// The byte-level BPE tokenizer of a GGUF file. Special tokens are recognised in the text.
pub fn from_gguf(gguf: &Gguf) -> Result<Tokenizer> {
    let kind = gguf.string("tokenizer.ggml.model")?;
    if kind != "gpt2" {
        return Err(gguf.error(format!("tokenizer {kind:?} is not supported; gpt2 is")));
    }
    let pre = gguf.string("tokenizer.ggml.pre").unwrap_or("default");
    let pre_tokenizer = pre_tokenizer(pre)
        .ok_or_else(|| gguf.error(format!("pre-tokenizer {pre:?} is not supported")))?;
    let tokens = gguf.strings("tokenizer.ggml.tokens")?;
    let merges = gguf
        .strings("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| {
            let (a, b) = merge
                .split_once(' ')
                .ok_or_else(|| gguf.error(format!("merge {merge:?} is not a pair")))?;
            Ok((a.to_owned(), b.to_owned()))
        })
        .collect::<Result<Vec<_>>>()?;
    let vocabulary = (0u32..).zip(&tokens).map(|(i, t)| ((*t).to_owned(), i));
    let model = BPE::builder()
        .vocab_and_merges(vocabulary.collect::<Vocab>(), merges)
        .build()
        .map_err(|e| gguf.error(e))?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    let special = specials(gguf, &tokens)?;
    tokenizer
        .add_special_tokens(special.into_iter().map(|t| AddedToken::from(t, true)))
        .map_err(|e| gguf.error(e))?;
    Ok(tokenizer)
}

fn specials(gguf: &Gguf, tokens: &[&str]) -> Result<Vec<String>> {
    let types = gguf.numbers("tokenizer.ggml.token_type")?;
    Ok(tokens
        .iter()
        .zip(types)
        .filter(|(_, kind)| matches!(*kind, CONTROL | USER_DEFINED))
        .map(|(token, _)| (*token).to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_behind_the_words_that_count() {
        assert_eq!(head("one two three four", 2), "one two three ");
        assert_eq!(head("one two three four", 3), "one two three four");
        assert_eq!(head("! one\u{85}two ? three é four", 1), "! one\u{85}two ? three ");
        assert_eq!(head("", 5), "");
    }

    #[test]
    fn pre_tokenizers_split_as_llama_cpp_names_them() {
        let split = |name: &str, text: &str| {
            let mut text = tokenizers::PreTokenizedString::from(text);
            let pre = pre_tokenizer(name).unwrap();
            tokenizers::PreTokenizer::pre_tokenize(&pre, &mut text).unwrap();
            let parts = text
                .get_splits(tokenizers::OffsetReferential::Original, tokenizers::OffsetType::Byte);
            parts.into_iter().map(|(part, _, _)| part.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(split("gpt-2", "it's 1234 a"), ["it", "'s", "Ġ1234", "Ġa"]);
        assert_eq!(split("smollm", "it's 12 a"), ["it", "'s", "Ġ", "1", "2", "Ġa"]);
        assert_eq!(split("llama-bpe", "it's 1234 a"), ["it", "'s", "Ġ", "123", "4", "Ġa"]);
        assert_eq!(split("qwen2", "a 12"), ["a", "Ġ", "1", "2"]);
        assert!(pre_tokenizer("unheard-of").is_none());
    }
}
