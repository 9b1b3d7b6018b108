//! Whisper against transformers on small random weights (golden/whisper.json, made by
//! executor_ml/tests/golden/make_whisper.py), with configurations of both its generations; and against
//! OpenAI's own loop on the same weights (golden/whisper_openai.json, by make_whisper_openai.py).

use edgemesh_candle::audio::{LogMel, Sound};
use edgemesh_candle::whisper::{Halt, Request, Segment, Task, Transcriber, Transcription};
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

const SAMPLES: usize = 165_003;
const END: u32 = 95;

#[derive(Deserialize)]
struct Golden {
    times: Vec<u32>,
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    config_4: Value,
    config_5: Value,
    generation: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    /// Every 37th frame of the first window.
    mel: Vec<Vec<f32>>,
    /// The first vector, the eighth, and the last.
    encoded: Vec<Vec<f32>>,
    language: Option<u32>,
    tokens: Vec<u32>,
    segments: Vec<Expected>,
    conditioned: Vec<Expected>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    start: f64,
    end: f64,
    tokens: Vec<u32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/whisper.json")).unwrap()
}

/// As `noise` in make_whisper.py.
fn noise(name: &str, count: usize, scale: f32) -> Vec<f32> {
    let mut state = 2_166_136_261_u32;
    for byte in name.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// As `sound` in make_whisper.py.
fn sound() -> Sound {
    let mut last = 0.0;
    let raw = noise("sound", SAMPLES, 0.2);
    let filtered = raw.iter().enumerate().map(|(i, x)| {
        last = 0.875 * last + x;
        last * ((i / 4000 % 8) as f32 / 8.0)
    });
    Sound(filtered.collect())
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, model: &Model, config: &Value, generation: &Value) -> Self {
        let id = format!("edgemesh-whisper-{}-{name}", std::process::id());
        let folder = Self(std::env::temp_dir().join(id));
        std::fs::create_dir_all(&folder.0).unwrap();
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = model
            .tensors
            .iter()
            .map(|(name, shape)| {
                let norm = name.contains("norm") && name.ends_with("weight");
                let one = if norm { 1.0 } else { 0.0 };
                let all = noise(name, shape.iter().product(), 0.3);
                (name, shape, all.into_iter().flat_map(|x| (x + one).to_le_bytes()).collect())
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &folder.0.join("model.safetensors")).unwrap();
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

    fn write(&self, file: &str, value: &Value) {
        std::fs::write(self.0.join(file), value.to_string()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The printable characters and the blank are its tokens; times are not named, as in old files.
fn tokenizer() -> Tokenizer {
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

fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

fn german(name: &str, request: Request) -> Request {
    let language = (name != "english").then(|| "de".to_owned());
    Request { language, task: Some(Task::Transcribe), ..request }
}

fn all(mut job: Transcription) -> Vec<Segment> {
    let mut segments = vec![];
    while job.listen(&|| true).unwrap() {
        job.attempt(0.0, &|| true).unwrap();
        segments.extend(job.keep());
    }
    segments
}

fn compared(segments: &[Segment]) -> Vec<Expected> {
    let round = |x: f64| (x * 1000.0).round() / 1000.0;
    let one = |s: &Segment| Expected {
        start: round(s.start),
        end: round(s.end),
        tokens: s.tokens.iter().copied().filter(|id| *id < END).collect(),
    };
    segments.iter().map(one).collect()
}

#[test]
fn the_spectrogram_equals_the_reference() {
    for (name, model) in golden().models {
        let mels = model.mel[0].len();
        let mel = LogMel::new(&sound(), mels, &|| true).unwrap();
        assert_eq!(mel.frames(), SAMPLES / 160);
        let window = mel.window(0, 400);
        for (i, expected) in model.mel.iter().enumerate() {
            let off = worst(&window[i * 37 * mels..][..mels], expected);
            assert!(off < 1e-4, "{name}: frame {} is off by {off:e}", i * 37);
        }
        // Behind the end are zeros, not silence.
        assert!(mel.window(1031, 400).iter().all(|x| *x == 0.0));
    }
}

#[test]
fn vectors_and_greedy_tokens_equal_transformers() {
    let Golden { times, models } = golden();
    for (name, model) in &models {
        for (generation, config) in [(4, &model.config_4), (5, &model.config_5)] {
            let mut own = model.generation.clone();
            own["suppress_tokens"].as_array_mut().unwrap().extend(times.iter().map(|t| json!(t)));
            let folder = Folder::new(&format!("{name}-{generation}"), model, config, &own);
            let transcriber = Transcriber::open(&folder.0).unwrap();
            let mel = LogMel::new(&sound(), model.mel[0].len(), &|| true).unwrap();
            let encoder = &transcriber.model().encoder;
            let vectors = encoder.forward(&mel.window(0, 400), &|| true).unwrap();
            let width = model.encoded[0].len();
            for (row, expected) in [0, 7, 199].into_iter().zip(&model.encoded) {
                let off = worst(&vectors[row * width..][..width], expected);
                assert!(off < 1e-4, "{name}, transformers {generation}: vector {row}: {off:e}");
            }
            let request = german(name, Request { timestamps: false, ..Request::default() });
            let mut job = transcriber.start(&sound(), request, &|| true).unwrap();
            assert!(job.listen(&|| true).unwrap());
            let attempt = job.attempt(0.0, &|| true).unwrap();
            assert_eq!(attempt.tokens, model.tokens, "{name}, transformers {generation}");
            assert!(attempt.avg_logprob < 0.0 && (0.0..1.0).contains(&attempt.no_speech_prob));
            let again = attempt.tokens.clone();
            assert_eq!(job.attempt(0.0, &|| true).unwrap().tokens, again);
        }
    }
}

#[test]
fn windows_move_by_timestamps_as_the_reference_does() {
    for (name, model) in &golden().models {
        let folder =
            Folder::new(&format!("{name}-long"), model, &model.config_5, &model.generation);
        let transcriber = Transcriber::open(&folder.0).unwrap();
        for (condition, expected) in [(false, &model.segments), (true, &model.conditioned)] {
            let request = german(name, Request { condition, ..Request::default() });
            let job = transcriber.start(&sound(), request, &|| true).unwrap();
            let segments = all(job);
            assert_eq!(&compared(&segments), expected, "{name}, condition {condition}");
            for segment in segments {
                let told: String = segment.pieces.iter().map(|(_, text, _)| &**text).collect();
                assert_eq!(told, segment.text);
            }
        }
    }
}

#[derive(Deserialize)]
struct Written {
    start: f64,
    end: f64,
    text: String,
    tokens: Vec<u32>,
    avg_logprob: f32,
    no_speech_prob: f32,
}

#[test]
fn segments_and_scores_equal_openais_own() {
    let ways: BTreeMap<String, Vec<Written>> =
        serde_json::from_str(include_str!("golden/whisper_openai.json")).unwrap();
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let folder = Folder::new("openai", model, &model.config_5, &model.generation);
    let transcriber = Transcriber::open(&folder.0).unwrap();
    for (way, expected) in ways {
        let request = Request {
            condition: way != "untold",
            timestamps: way != "plain",
            prompt: (way == "prompted").then(|| "names: Ada, Grace".to_owned()),
            ..Request::default()
        };
        let mut job = transcriber.start(&sound(), german("", request), &|| true).unwrap();
        let mut written = expected.iter();
        while job.listen(&|| true).unwrap() {
            let attempt = job.attempt(0.0, &|| true).unwrap();
            let (likely, silent) = (attempt.avg_logprob, attempt.no_speech_prob);
            for segment in job.keep() {
                let expected = written.next().expect("a segment too many");
                let same = |a: f64, b: f64| (a - b).abs() < 1e-3;
                assert!(same(segment.start, expected.start), "{way}: {segment:?}");
                assert!(same(segment.end, expected.end), "{way}: {segment:?}");
                assert_eq!(segment.text, expected.text, "{way}");
                assert_eq!(segment.tokens, expected.tokens, "{way}");
                assert!((likely - expected.avg_logprob).abs() < 1e-4, "{way}: {likely}");
                assert!((silent - expected.no_speech_prob).abs() < 1e-5, "{way}: {silent}");
            }
        }
        assert!(written.next().is_none(), "{way}: a segment too few");
    }
}

#[test]
fn the_language_is_heard_forced_or_told() {
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let code = |generation: &Value, language: Option<&str>, name: &str| {
        let folder = Folder::new(name, model, &model.config_4, generation);
        let transcriber = Transcriber::open(&folder.0).unwrap();
        let language = language.map(str::to_owned);
        let request = Request { language, ..Request::default() };
        let mut job = transcriber.start(&sound(), request, &|| true)?;
        assert!(job.listen(&|| true)?);
        Ok::<_, Halt>(job.language().unwrap().to_owned())
    };
    let heard = ["en", "de", "fr"][model.language.unwrap() as usize - 97];
    assert_eq!(code(&model.generation, None, "heard").unwrap(), heard);
    assert_eq!(code(&model.generation, Some("fr"), "told").unwrap(), "fr");
    let mut forced = model.generation.clone();
    forced["forced_decoder_ids"] = json!([[1, 97], [2, 101]]);
    assert_eq!(code(&forced, None, "forced").unwrap(), "en");
    forced["forced_decoder_ids"] = json!([[1, null], [2, 101]]);
    assert_eq!(code(&forced, None, "left-open").unwrap(), heard);
    let unnamed = json!({"is_multilingual": true});
    assert_eq!(code(&unnamed, None, "unnamed").unwrap(), heard);
    let error = code(&model.generation, Some("xx"), "unknown").unwrap_err().to_string();
    assert!(error.contains("language must be one"), "{error}");
}

#[test]
fn a_caller_who_leaves_is_heard_within_a_step() {
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let folder = Folder::new("leaving", model, &model.config_5, &model.generation);
    let transcriber = Transcriber::open(&folder.0).unwrap();
    let asked = AtomicUsize::new(0);
    let count = || {
        asked.fetch_add(1, Ordering::Relaxed);
        true
    };
    let mut job = transcriber.start(&sound(), Request::default(), &count).unwrap();
    assert!(job.listen(&count).unwrap());
    // After the convolutions, twice in each layer of the encoder, in each of the decoder, and once
    // for the spectrogram.
    assert_eq!(asked.swap(0, Ordering::Relaxed), 1 + 1 + 2 * 2 + 2);
    let tokens = job.attempt(0.0, &count).unwrap().tokens.len();
    assert!(asked.swap(0, Ordering::Relaxed) >= tokens);
    let three = || asked.fetch_add(1, Ordering::Relaxed) < 3;
    assert!(matches!(job.attempt(0.0, &three), Err(Halt::Stopped)));
    assert!(!job.attempted());
    assert!(matches!(job.listen(&|| false), Err(Halt::Stopped)));
}

#[test]
fn a_temperature_gives_other_texts_and_a_seed_the_same() {
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let folder = Folder::new("warm", model, &model.config_5, &model.generation);
    let transcriber = Transcriber::open(&folder.0).unwrap();
    transcriber.warm_up().unwrap();
    let tokens = |temperature: f32, seed: u64, prompt: Option<&str>| {
        let prompt = prompt.map(str::to_owned);
        let request = german("", Request { seed, prompt, ..Request::default() });
        let mut job = transcriber.start(&sound(), request, &|| true).unwrap();
        job.listen(&|| true).unwrap();
        job.attempt(temperature, &|| true).unwrap().tokens.clone()
    };
    assert_eq!(tokens(1.0, 1, None), tokens(1.0, 1, None));
    assert_ne!(tokens(1.0, 1, None), tokens(1.0, 2, None));
    assert_ne!(tokens(0.0, 1, None), tokens(0.0, 1, Some("names: Ada, Grace")));
    let request = Request { prompt: Some("a <|endoftext|>".into()), ..Request::default() };
    let error = transcriber.start(&sound(), request, &|| true).err().unwrap().to_string();
    assert!(error.contains("prompt must be text without"), "{error}");
}

fn refusal(name: &str, change: impl FnOnce(&Folder, &mut Value)) -> String {
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let mut config = model.config_5.clone();
    let folder = Folder::new(name, model, &config, &model.generation);
    change(&folder, &mut config);
    folder.write("config.json", &config);
    Transcriber::open(&folder.0).err().expect("it was accepted").to_string()
}

#[test]
fn what_is_not_supported_is_named() {
    let relu = refusal("relu", |_, c| c["activation_function"] = "relu".into());
    assert!(relu.contains("\"relu\" is not supported; \"gelu\" is"), "{relu}");
    let huge = refusal("huge", |_, c| c["encoder_ffn_dim"] = (1_u64 << 60).into());
    assert!(huge.contains("a size that no model has"), "{huge}");
    let shape = refusal("shape", |_, c| c["max_source_positions"] = 300.into());
    assert!(shape.contains("has shape [200, 64], expected [300, 64]"), "{shape}");
    let mels = refusal("mels", |f, _| {
        f.write("preprocessor_config.json", &json!({"feature_size": 128}));
    });
    assert!(mels.contains("feature_size 128 is not supported; 80 is"), "{mels}");
    let words = refusal("words", |_, c| c["vocab_size"] = 100.into());
    assert!(words.contains("has 106 tokens for a model of 100"), "{words}");
    let plain = refusal("plain", |f, _| {
        let text = std::fs::read_to_string(f.0.join("tokenizer.json")).unwrap();
        let text = text.replace("<|notimestamps|>", "<|other|>");
        std::fs::write(f.0.join("tokenizer.json"), text).unwrap();
    });
    assert!(plain.contains("has no token <|notimestamps|>"), "{plain}");
}
