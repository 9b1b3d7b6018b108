//! Texts of a given form: before each token is chosen, those that the form does not allow are ruled
//! out (llguidance: a lexer of derivatives and an Earley parser over a trie of all tokens).
//!
//! Rules: a form that cannot be met, or needs what is not supported, is refused before anything is
//! generated, with the place in the schema; each text has a parser of its own; what a grammar may
//! cost is bounded. JSON has one blank behind commas and colons and no other white space, which a
//! small model could else write without end.

use crate::detokenize::Vocabulary;
use crate::error::{Error, Result};
use llguidance::api::TopLevelGrammar;
use llguidance::toktrie::{ApproximateTokEnv, SimpleVob, TokEnv, TokRxInfo, TokTrie};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

/// What a text must be.
#[derive(Clone, Debug)]
pub enum Form {
    /// JSON that a schema (JSON text) describes.
    Schema(String),
    /// As a whole, in the syntax of Rust's regex without anchors and lookaround.
    Regex(String),
}

/// Subschemas that are tried to find out which one is to blame.
const MOST_TRIED: usize = 256;
/// Marks tokens that are no text.
const CONTROL: u8 = 0xff;

/// The forms of one model's texts. Its trie of tokens is built when it is first needed.
pub struct Forms {
    vocabulary: Arc<Vocabulary>,
    /// Rows of logits.
    rows: usize,
    ends: Arc<[u32]>,
    factory: OnceLock<std::result::Result<ParserFactory, String>>,
}

impl Forms {
    pub fn new(vocabulary: Arc<Vocabulary>, rows: usize, ends: Arc<[u32]>) -> Self {
        Self { vocabulary, rows, ends, factory: OnceLock::new() }
    }

    /// A new text's constraint. Raises `Constraint` with the place and what is wrong there.
    pub fn begin(&self, form: &Form) -> Result<Constraint> {
        let refused = |place: String, reason: String| Error::Constraint { place, reason };
        let factory = self.factory.get_or_init(|| self.factory());
        let factory = factory.as_ref().map_err(|e| refused(String::new(), e.clone()))?;
        let matcher =
            match form {
                Form::Regex(regex) => compile(factory, TopLevelGrammar::from_regex(regex))
                    .map_err(|e| refused(String::new(), e))?,
                Form::Schema(text) => {
                    let schema: Value = serde_json::from_str(text)
                        .map_err(|e| refused(String::new(), e.to_string()))?;
                    compile(factory, grammar(&schema, &schema)).map_err(|e| {
                        let (place, reason) = Blame { factory, root: &schema, left: MOST_TRIED }
                            .find(&schema, String::new(), e);
                        refused(place, reason)
                    })?
                }
            };
        Ok(Constraint { matcher, ends: Arc::clone(&self.ends) })
    }

    fn factory(&self) -> std::result::Result<ParserFactory, String> {
        let end = *self.ends.first().ok_or("the model has no token that ends a text")?;
        let word = |id: u32| match self.vocabulary.bytes(id) {
            [] if id == end => [&[CONTROL], "<end>".as_bytes()].concat(),
            bytes => bytes.to_vec(),
        };
        let words: Vec<Vec<u8>> = (0..self.rows as u32).map(word).collect();
        let trie = TokTrie::from(&TokRxInfo::new(self.rows as u32, end), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&environment).map_err(|e| e.to_string())?;
        factory.quiet();
        factory.limits_mut().verbose_errors = false;
        Ok(factory)
    }
}

fn compile(
    factory: &ParserFactory,
    grammar: TopLevelGrammar,
) -> std::result::Result<Matcher, String> {
    let mut matcher = Matcher::new(factory.create_parser(grammar));
    match matcher.get_error() {
        Some(error) => Err(short(&error)),
        None => match matcher.compute_mask() {
            Ok(mask) if !mask.is_zero() => Ok(matcher),
            Ok(_) => Err("nothing can meet it".into()),
            Err(error) => Err(short(&error.to_string())),
        },
    }
}

/// An error in a line: what a regex's says below its picture, or the first; 300 characters at most.
fn short(error: &str) -> String {
    let first = error.lines().next().unwrap_or_default();
    let line = error.lines().find_map(|line| line.trim().strip_prefix("error: ")).unwrap_or(first);
    line.chars().take(300).collect()
}

/// A schema with the definitions of the whole that it is part of.
fn grammar(schema: &Value, root: &Value) -> TopLevelGrammar {
    let mut whole = match schema {
        Value::Object(_) => schema.clone(),
        other => json!({"allOf": [other]}),
    };
    for key in ["$defs", "definitions"] {
        if let Some(definitions) = root.get(key) {
            whole[key] = definitions.clone();
        }
    }
    whole["x-guidance"] = json!({
        "whitespace_flexible": false, "item_separator": ", ", "key_separator": ": ",
    });
    TopLevelGrammar::from_json_schema(whole)
}

/// Which part of a schema cannot be compiled: the deepest that alone fails too.
struct Blame<'a> {
    factory: &'a ParserFactory,
    root: &'a Value,
    left: usize,
}

impl Blame<'_> {
    /// `reason`: why `schema`, which lies at `place`, fails.
    fn find(&mut self, schema: &Value, place: String, reason: String) -> (String, String) {
        for (inside, part) in parts(schema) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            if let Err(reason) = compile(self.factory, grammar(part, self.root)) {
                return self.find(part, place + &inside, reason);
            }
        }
        (place, reason)
    }
}

/// A schema's direct subschemas and where they are.
fn parts(schema: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for (key, value) in schema.as_object().into_iter().flatten() {
        match (key.as_str(), value) {
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(all)) => {
                found.extend(all.iter().map(|(name, part)| (format!(".{key}.{name}"), part)));
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(all)) => {
                found.extend(all.iter().enumerate().map(|(i, p)| (format!(".{key}[{i}]"), p)));
            }
            ("items" | "additionalProperties", part @ Value::Object(_)) => {
                found.push((format!(".{key}"), part));
            }
            _ => {}
        }
    }
    found
}

/// What one text may go on with.
pub struct Constraint {
    matcher: Matcher,
    ends: Arc<[u32]>,
}

impl Constraint {
    /// Tokens that may come next.
    pub fn allowed(&mut self) -> Result<Allowed> {
        let mut mask = self.matcher.compute_mask_or_eos().map_err(failed)?;
        if self.ends.first().is_some_and(|end| mask.is_allowed(*end)) {
            // All that end a text mean the same.
            let rows = mask.len() as u32;
            self.ends.iter().filter(|end| **end < rows).for_each(|end| mask.allow_token(*end));
        }
        if mask.is_zero() {
            return Err(failed("no token can go on"));
        }
        Ok(Allowed(mask))
    }

    /// Takes note of the token that was chosen; true where nothing but an end can follow.
    pub fn take(&mut self, id: u32) -> Result<bool> {
        self.matcher.consume_token(id).map_err(failed)?;
        Ok(self.matcher.is_stopped())
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Constraint { place: String::new(), reason: short(&error.to_string()) }
}

/// A set of tokens.
pub struct Allowed(SimpleVob);

impl Allowed {
    /// Makes all others impossible.
    pub fn apply(&self, logits: &mut [f32]) {
        let words = self.0.as_slice();
        for (i, logit) in logits.iter_mut().enumerate() {
            if words.get(i / 32).is_none_or(|word| (word >> (i % 32)) & 1 == 0) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
}
