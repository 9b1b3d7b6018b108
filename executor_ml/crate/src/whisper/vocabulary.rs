//! Tokens that are no text: where it starts and ends, languages, tasks, times.
//!
//! Text's tokens lie below the end token; behind `<|notimestamps|>` lie the times, 20 ms apart,
//! whether the tokenizer names them or not.

use super::config::Config;
use crate::detokenize::{self, Spelling};
use crate::error::{Error, Result};
use crate::tokenizer;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// What is written: the language spoken, or English.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Transcribe,
    Translate,
}

pub struct Vocabulary {
    tokenizer: Tokenizer,
    pub pieces: Arc<detokenize::Vocabulary>,
    pub end: u32,
    pub start: u32,
    /// Before the text so far; old tokenizers have none.
    pub previous: Option<u32>,
    pub no_speech: u32,
    pub no_timestamps: u32,
    tasks: Option<(u32, u32)>,
    /// By their codes; none where the model knows English alone.
    languages: BTreeMap<String, u32>,
    forced: Vec<u32>,
}

impl Vocabulary {
    pub fn read(folder: &Path, config: &Config) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::plain_from_json(&path)?;
        let known = tokenizer.get_vocab(true);
        let ids = known.values().max().map_or(0, |id| *id as usize + 1);
        if ids > config.vocabulary {
            let reason = format!("has {ids} tokens for a model of {}", config.vocabulary);
            return Err(Error::model(&path, reason));
        }
        let find = |name: &str| known.get(&format!("<|{name}|>")).copied();
        let need = |name: &str| {
            find(name).ok_or_else(|| Error::model(&path, format!("has no token <|{name}|>")))
        };
        let (start, end, no_timestamps) =
            (need("startoftranscript")?, need("endoftext")?, need("notimestamps")?);
        if start < end || no_timestamps < start {
            return Err(Error::model(&path, "its control tokens are in no order that Whisper has"));
        }
        if no_timestamps as usize + 1 >= config.vocabulary {
            return Err(Error::model(&path, "leaves the model no tokens for times"));
        }
        let tasks = find("transcribe").zip(find("translate"));
        let multilingual = config.generation.multilingual.unwrap_or(end != 50_256);
        let languages = match (multilingual, tasks) {
            (false, _) => BTreeMap::new(),
            (true, None) => return Err(Error::model(&path, "has no tokens for tasks")),
            (true, Some((transcribe, translate))) => {
                let within = start + 1..transcribe.min(translate);
                languages(&known, &config.generation.languages, within)
            }
        };
        let mut texts = vec![String::new(); ids];
        known.iter().for_each(|(text, id)| texts[*id as usize].clone_from(text));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Ok(Self {
            pieces: Arc::new(detokenize::Vocabulary::new(&texts, Spelling::Bytes, &tokenizer)),
            previous: find("startofprev"),
            no_speech: find("nospeech").or(find("nocaptions")).unwrap_or(no_timestamps - 1),
            forced: config.generation.forced.iter().filter_map(|(_, id)| *id).collect(),
            tokenizer,
            end,
            start,
            no_timestamps,
            tasks,
            languages,
        })
    }

    pub fn first_timestamp(&self) -> u32 {
        self.no_timestamps + 1
    }

    /// Codes of the languages it can be told; none where it knows English alone.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    pub fn language_ids(&self) -> impl Iterator<Item = u32> {
        self.languages.values().copied()
    }

    pub fn language(&self, code: &str) -> Option<u32> {
        self.languages.get(code).copied()
    }

    pub fn code(&self, language: u32) -> Option<&str> {
        self.languages.iter().find(|(_, id)| **id == language).map(|(code, _)| code.as_str())
    }

    /// The language that the model's files name.
    pub fn forced_language(&self) -> Option<u32> {
        self.forced.iter().copied().find(|id| self.language_ids().any(|known| known == *id))
    }

    /// The task that the model's files name, or else the first.
    pub fn forced_task(&self) -> Task {
        match self.tasks {
            Some((_, translate)) if self.forced.contains(&translate) => Task::Translate,
            _ => Task::Transcribe,
        }
    }

    /// What a text starts with.
    pub fn opening(&self, language: Option<u32>, task: Task, timestamps: bool) -> Vec<u32> {
        let mut ids = vec![self.start];
        if let (Some(language), Some((transcribe, translate))) = (language, self.tasks) {
            ids.push(language);
            ids.push(if task == Task::Transcribe { transcribe } else { translate });
        }
        ids.extend((!timestamps).then_some(self.no_timestamps));
        ids
    }

    /// Tokens of a text that comes before.
    pub fn prompt(&self, text: &str) -> Result<Vec<u32>> {
        let wrong = || Error::Parameter {
            name: "prompt",
            expected: "must be text without the model's control tokens",
        };
        let text = format!(" {}", text.trim());
        let ids = self.tokenizer.encode_fast(text, false).map_err(|_| wrong())?.get_ids().to_vec();
        if ids.iter().any(|id| *id >= self.end) { Err(wrong()) } else { Ok(ids) }
    }

    /// The bytes of the text's tokens among these.
    pub fn bytes(&self, ids: &[u32]) -> Vec<u8> {
        let text = ids.iter().filter(|id| **id < self.end);
        text.flat_map(|id| self.pieces.bytes(*id)).copied().collect()
    }
}

/// Those that the model's files name, or the tokens that look like one.
fn languages(
    known: &std::collections::HashMap<String, u32>,
    named: &BTreeMap<String, u32>,
    within: std::ops::Range<u32>,
) -> BTreeMap<String, u32> {
    let code = |text: &str| {
        let code = text.strip_prefix("<|")?.strip_suffix("|>")?;
        let usual = (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase());
        usual.then(|| code.to_owned())
    };
    let of = |(text, id): (&String, &u32)| {
        let code = code(text).filter(|_| within.contains(id))?;
        Some((code, *id))
    };
    match named.is_empty() {
        true => known.iter().filter_map(of).collect(),
        false => named.iter().filter_map(of).collect(),
    }
}
