//! What a caller may ask of Whisper, and what it is refused: on the small random weights of
//! golden/whisper.json.

mod made;

use edgemesh_candle::whisper::{Halt, Request, Transcriber};
use made::Folder;
use made::whisper::{Golden, folder_of, german, golden, sound};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn the_language_is_heard_forced_or_told() {
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    let code = |generation: &Value, language: Option<&str>, name: &str| {
        let folder = folder_of(name, model, &model.config_4, generation);
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
    let folder = folder_of("leaving", model, &model.config_5, &model.generation);
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
    let folder = folder_of("warm", model, &model.config_5, &model.generation);
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
    let folder = folder_of(name, model, &config, &model.generation);
    change(&folder, &mut config);
    folder.write("config.json", &config);
    Transcriber::open(&folder.0).err().expect("it was accepted").to_string()
}

#[test]
fn what_is_not_supported_is_named() {
    let relu = refusal("relu", |_, c| c["activation_function"] = "relu".into());
    assert!(relu.contains("\"relu\" is not supported; \"gelu\" is"), "{relu}");
    let heads = refusal("heads", |f, _| {
        f.write("generation_config.json", &json!({"alignment_heads": [[1, 0], [0, 9]]}));
    });
    assert!(heads.contains("alignment_heads has [0, 9]: 2 layers of 4 heads"), "{heads}");
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
