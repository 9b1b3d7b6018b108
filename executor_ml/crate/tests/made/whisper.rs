//! Whisper's small random models of golden/whisper.json, their sound, and what is asked of them.
#![allow(dead_code)]

use super::{Folder, noise};
use edgemesh_candle::audio::Sound;
use edgemesh_candle::whisper::{Request, Segment, Task, Transcription};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

pub const SAMPLES: usize = 165_003;
pub const END: u32 = 95;

#[derive(Deserialize)]
pub struct Golden {
    pub times: Vec<u32>,
    pub models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
pub struct Model {
    pub config_4: Value,
    pub config_5: Value,
    pub generation: Value,
    pub tensors: BTreeMap<String, Vec<usize>>,
    /// Every 37th frame of the first window.
    pub mel: Vec<Vec<f32>>,
    /// The first vector, the eighth, and the last.
    pub encoded: Vec<Vec<f32>>,
    pub language: Option<u32>,
    pub tokens: Vec<u32>,
    pub segments: Vec<Expected>,
    pub conditioned: Vec<Expected>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Expected {
    pub start: f64,
    pub end: f64,
    pub tokens: Vec<u32>,
}

pub fn golden() -> Golden {
    serde_json::from_str(include_str!("../golden/whisper.json")).unwrap()
}

/// As `sound` in make_whisper.py.
pub fn sound() -> Sound {
    let mut last = 0.0;
    let raw = noise("sound", SAMPLES, 0.2);
    let filtered = raw.iter().enumerate().map(|(i, x)| {
        last = 0.875 * last + x;
        last * ((i / 4000 % 8) as f32 / 8.0)
    });
    Sound(filtered.collect())
}

/// As in make_whisper.py.
pub fn weights(name: &str, shape: &[usize]) -> Vec<f32> {
    let norm = name.contains("norm") && name.ends_with("weight");
    let one = if norm { 1.0 } else { 0.0 };
    noise(name, shape.iter().product(), 0.3).into_iter().map(|x| x + one).collect()
}

/// A model's folder.
pub fn folder_of(name: &str, model: &Model, config: &Value, generation: &Value) -> Folder {
    let folder = Folder::of(name, &model.tensors, weights);
    folder.write("config.json", config);
    folder.write("generation_config.json", generation);
    let features = json!({
        "feature_size": config["num_mel_bins"], "hop_length": 160, "n_fft": 400,
        "sampling_rate": 16000, "chunk_length": 4,
    });
    folder.write("preprocessor_config.json", &features);
    tokenizer().save(folder.0.join("tokenizer.json"), false).unwrap();
    folder
}

/// The printable characters and the blank are its tokens; times are not named, as in old files.
pub fn tokenizer() -> Tokenizer {
    let text = ('!'..='~').map(String::from).chain(["Ġ".into()]);
    let model = BPE::builder().vocab_and_merges(text.zip(0..).collect::<Vocab>(), vec![]);
    let mut tokenizer = Tokenizer::new(model.build().unwrap());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, true)));
    let control = [
        "endoftext",
        "startoftranscript",
        "en",
        "de",
        "fr",
        "translate",
        "transcribe",
        "startoflm",
        "startofprev",
        "nospeech",
        "notimestamps",
    ];
    let control = control.map(|name| AddedToken::from(format!("<|{name}|>"), true));
    tokenizer.add_special_tokens(control).unwrap();
    tokenizer
}

pub fn german(name: &str, request: Request) -> Request {
    let language = (name != "english").then(|| "de".to_owned());
    Request { language, task: Some(Task::Transcribe), ..request }
}

pub fn all(mut job: Transcription) -> Vec<Segment> {
    let mut segments = vec![];
    while job.listen(&|| true).unwrap() {
        job.attempt(0.0, &|| true).unwrap();
        segments.extend(job.keep(&|| true).unwrap());
    }
    segments
}
