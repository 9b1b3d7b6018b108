//! Whisper against transformers on small random weights (golden/whisper.json, made by
//! executor_ml/tests/golden/make_whisper.py), with configurations of both its generations; and against
//! OpenAI's own loop on the same weights (golden/whisper_openai.json, and whisper_words.json with the
//! times of words, by make_whisper_openai.py).

mod made;

use edgemesh_candle::audio::LogMel;
use edgemesh_candle::whisper::{Request, Segment, Transcriber};
use made::whisper::{END, Expected, Golden, SAMPLES, all, folder_of, german, golden, sound};
use made::worst;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

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
            let folder = folder_of(&format!("{name}-{generation}"), model, config, &own);
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
        let folder = folder_of(&format!("{name}-long"), model, &model.config_5, &model.generation);
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
    let folder = folder_of("openai", model, &model.config_5, &model.generation);
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
            for segment in job.keep(&|| true).unwrap() {
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

#[derive(Deserialize)]
struct Spoken {
    heads: Value,
    ways: BTreeMap<String, Vec<Said>>,
}

#[derive(Deserialize)]
struct Said {
    start: f64,
    end: f64,
    text: String,
    words: Vec<(String, f64, f64, f32)>,
}

/// What `sentence` may write, as in make_whisper_openai.py.
const SENTENCE: &str = "UY)E[?";

#[test]
fn times_of_words_equal_openais_own() {
    let Spoken { heads, ways } =
        serde_json::from_str(include_str!("golden/whisper_words.json")).unwrap();
    let Golden { models, .. } = golden();
    let model = &models["many-languages"];
    for (way, expected) in ways {
        let mut generation = model.generation.clone();
        if way != "later" {
            generation["alignment_heads"] = heads.clone();
        }
        if way == "sentence" {
            let others = (0..94_u8).filter(|id| !SENTENCE.contains(char::from(b'!' + id)));
            let suppressed = generation["suppress_tokens"].as_array_mut().unwrap();
            suppressed.extend(others.map(|id| json!(id)));
        }
        let folder = folder_of(&format!("words-{way}"), model, &model.config_5, &generation);
        let transcriber = Transcriber::open(&folder.0).unwrap();
        let request = Request {
            condition: way != "untold",
            timestamps: way != "plain",
            words: true,
            ..Request::default()
        };
        let segments = all(transcriber.start(&sound(), german("", request), &|| true).unwrap());
        assert_eq!(segments.len(), expected.len(), "{way}: {segments:?}");
        for (segment, expected) in segments.iter().zip(expected) {
            assert_eq!(segment.text, expected.text, "{way}");
            let same = |a: f64, b: f64| (a - b).abs() < 1e-3;
            assert!(same(segment.start, expected.start), "{way}: {segment:?}");
            assert!(same(segment.end, expected.end), "{way}: {segment:?}");
            assert_eq!(segment.words.len(), expected.words.len(), "{way}: {segment:?}");
            for (word, (text, start, end, probability)) in segment.words.iter().zip(expected.words)
            {
                assert_eq!(word.text, text, "{way}");
                assert!(same(word.start, start) && same(word.end, end), "{way}: {word:?}");
                assert!((word.probability - probability).abs() < 1e-4, "{way}: {word:?}");
            }
        }
    }
}
