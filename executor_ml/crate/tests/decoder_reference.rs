//! Our llama on small random weights: in f32 against transformers' logits (golden/llama.json, made
//! by executor_ml/tests/golden/make.py), in every other type against f32 on the same values.

mod made;

use candle_core::quantized::gguf_file::{Value, write};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use edgemesh_candle::decoder::{Cache, Decoder};
use edgemesh_candle::error::Result;
use edgemesh_candle::generate::{Finish, Generator, Request};
use edgemesh_candle::gguf::Gguf;
use edgemesh_candle::sampler::Sampling;
use made::worst;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

const HIDDEN: usize = 64;
const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const FEED: usize = 96;
const LAYERS: usize = 2;
const CONTEXT: u32 = 128;

/// Byte-level tokens: the printable ASCII characters, then two control tokens.
fn tokens() -> Vec<String> {
    let letters = ('!'..='~').map(String::from);
    letters.chain(["<s>".into(), "</s>".into()]).collect()
}

fn random(rows: usize, columns: usize, seed: u32) -> Tensor {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let values: Vec<f32> = (0..rows * columns)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 0.2
        })
        .collect();
    Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap()
}

/// Writes a GGUF file whose matrices are of type `dtype`; removed with the returned guard.
fn model(dtype: GgmlDType) -> Scratch {
    write_model(dtype, dtype)
}

/// The same, with matrices rounded to `rounded` before they are stored as `dtype`.
fn write_model(dtype: GgmlDType, rounded: GgmlDType) -> Scratch {
    let tokens = tokens();
    let vocabulary = tokens.len();
    let strings = |v: &[String]| Value::Array(v.iter().cloned().map(Value::String).collect());
    let kinds = (0..vocabulary).map(|i| Value::I32(if i + 2 < vocabulary { 1 } else { 3 }));
    let metadata = [
        ("general.architecture", Value::String("llama".into())),
        ("llama.block_count", Value::U32(LAYERS as u32)),
        ("llama.context_length", Value::U32(CONTEXT)),
        ("llama.embedding_length", Value::U32(HIDDEN as u32)),
        ("llama.feed_forward_length", Value::U32(FEED as u32)),
        ("llama.attention.head_count", Value::U32(HEADS as u32)),
        ("llama.attention.head_count_kv", Value::U32(KV_HEADS as u32)),
        ("llama.rope.dimension_count", Value::U32((HIDDEN / HEADS) as u32)),
        ("llama.rope.freq_base", Value::F32(10_000.0)),
        ("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-5)),
        ("tokenizer.ggml.model", Value::String("gpt2".into())),
        ("tokenizer.ggml.tokens", strings(&tokens)),
        ("tokenizer.ggml.token_type", Value::Array(kinds.collect())),
        ("tokenizer.ggml.merges", strings(&[])),
        ("tokenizer.ggml.eos_token_id", Value::U32(vocabulary as u32 - 1)),
    ];
    let mut tensors = vec![];
    let mut add = |name: String, rows: usize, columns: usize| {
        let weight = random(rows, columns, tensors.len() as u32 + 1);
        let weight = QTensor::quantize(&weight, rounded).unwrap();
        let weight = match rounded == dtype {
            true => weight,
            false => QTensor::quantize(&weight.dequantize(&Device::Cpu).unwrap(), dtype).unwrap(),
        };
        tensors.push((name, weight));
    };
    let kv = KV_HEADS * HIDDEN / HEADS;
    add("token_embd.weight".into(), vocabulary, HIDDEN);
    for i in 0..LAYERS {
        add(format!("blk.{i}.attn_q.weight"), HIDDEN, HIDDEN);
        add(format!("blk.{i}.attn_k.weight"), kv, HIDDEN);
        add(format!("blk.{i}.attn_v.weight"), kv, HIDDEN);
        add(format!("blk.{i}.attn_output.weight"), HIDDEN, HIDDEN);
        add(format!("blk.{i}.ffn_gate.weight"), FEED, HIDDEN);
        add(format!("blk.{i}.ffn_up.weight"), FEED, HIDDEN);
        add(format!("blk.{i}.ffn_down.weight"), HIDDEN, FEED);
    }
    let mut names = vec!["output_norm.weight".to_owned()];
    for i in 0..LAYERS {
        names.push(format!("blk.{i}.attn_norm.weight"));
        names.push(format!("blk.{i}.ffn_norm.weight"));
    }
    for (i, name) in names.into_iter().enumerate() {
        let gain = (random(1, HIDDEN, 100 + i as u32).flatten_all().unwrap() + 1.0).unwrap();
        tensors.push((name, QTensor::quantize(&gain, GgmlDType::F32).unwrap()));
    }
    let scratch = Scratch::new(&format!("{dtype:?}"));
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (*k, v)).collect();
    let tensors: Vec<_> = tensors.iter().map(|(k, v)| (k.as_str(), v)).collect();
    write(&mut File::create(&scratch.0).unwrap(), &metadata, &tensors).unwrap();
    scratch
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let file = format!(
            "edgemesh-{}-{name}-{:?}.gguf",
            std::process::id(),
            std::thread::current().id()
        );
        Self(std::env::temp_dir().join(file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn ids(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| (i * 29 + 7) % 90).collect()
}

fn logits(file: &Scratch, ids: &[u32]) -> Vec<f32> {
    let llama = Decoder::from_gguf(&Gguf::open(&file.0).unwrap()).unwrap();
    llama.forward(ids, &mut Cache::new(&llama.config, ids.len()))
}

#[test]
fn f32_logits_equal_transformers() {
    let text = include_str!("golden/llama.json");
    let golden: HashMap<String, Vec<f32>> = serde_json::from_str(text).unwrap();
    let file = model(GgmlDType::F32);
    for (count, expected) in golden {
        let off = worst(&logits(&file, &ids(count.parse().unwrap())), &expected);
        assert!(off < 2e-5, "{count} tokens: logits are off by {off:e}");
    }
}

#[test]
fn quantised_logits_equal_those_of_the_same_values_in_f32() {
    for dtype in [GgmlDType::Q4_0, GgmlDType::Q4_1, GgmlDType::Q8_0, GgmlDType::F16] {
        let (file, exact) = (model(dtype), write_model(GgmlDType::F32, dtype));
        for n in [1, 2, 3, 17] {
            let off = worst(&logits(&file, &ids(n)), &logits(&exact, &ids(n)));
            // Vectors are rounded to eight bits for it.
            let tolerance = if dtype == GgmlDType::Q8_0 { 5e-2 } else { 2e-5 };
            assert!(off < tolerance, "{dtype:?}, {n} tokens: off by {off:e}");
        }
    }
}

#[test]
fn types_without_a_kernel_of_ours_run_by_candle() {
    let (file, exact) = (model(GgmlDType::Q5_0), write_model(GgmlDType::F32, GgmlDType::Q5_0));
    for n in [1, 17] {
        // candle rounds activations to int8.
        let off = worst(&logits(&file, &ids(n)), &logits(&exact, &ids(n)));
        assert!(off < 0.1, "{n} tokens: off by {off:e}");
    }
}

#[test]
fn a_prompt_read_in_pieces_equals_one_read_at_once() {
    let file = model(GgmlDType::Q4_1);
    let llama = Decoder::from_gguf(&Gguf::open(&file.0).unwrap()).unwrap();
    let ids = ids(40);
    let mut cache = Cache::new(&llama.config, 40);
    let whole = llama.forward(&ids, &mut cache);
    for size in [1, 2, 7] {
        let mut cache = Cache::new(&llama.config, 40);
        let pieces = ids.chunks(size).map(|part| llama.forward(part, &mut cache));
        let off = worst(&pieces.last().unwrap(), &whole);
        assert!(off < 1e-4, "pieces of {size}: off by {off:e}");
    }
}

fn open(path: &Path) -> Result<Generator> {
    Generator::open(path, 1 << 20)
}

fn request(max_tokens: usize, temperature: f32, seed: u64) -> Request {
    let sampling = Sampling { temperature, seed, ..Sampling::default() };
    Request { max_tokens, sampling, ..Request::default() }
}

fn text(generator: &Generator, prompt: &str, request: Request) -> (String, Finish) {
    let mut generation = generator.start(prompt, false, request).unwrap();
    let mut text = String::new();
    while let Some(token) = generation.next().unwrap() {
        text += &token.text;
    }
    (text, generation.finish().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_text() {
    let file = model(GgmlDType::Q8_0);
    let generator = open(&file.0).unwrap();
    let run = |seed| text(&generator, "abc", request(40, 1.0, seed)).0;
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn generation_ends_with_the_context() {
    let file = model(GgmlDType::F32);
    let generator = open(&file.0).unwrap();
    let prompt = "a".repeat(CONTEXT as usize - 3);
    let mut generation = generator.start(&prompt, false, request(50, 0.0, 0)).unwrap();
    while generation.next().unwrap().is_some() {}
    assert!(generation.completion_tokens() <= 3);
    let error = generator.start(&"a".repeat(CONTEXT as usize), false, request(1, 0.0, 0));
    assert!(error.is_err_and(|e| e.to_string().contains("128 tokens long")));
}

#[test]
fn a_stop_string_ends_the_text_before_it() {
    let file = model(GgmlDType::F32);
    let generator = open(&file.0).unwrap();
    let (full, _) = text(&generator, "hello", request(30, 1.0, 3));
    let stop: String = full.chars().skip(10).take(3).collect();
    let mut with_stop = request(30, 1.0, 3);
    with_stop.stop = vec![stop.clone()];
    let (cut, finish) = text(&generator, "hello", with_stop);
    assert_eq!(finish, Finish::Stop);
    assert_eq!(cut, full[..full.find(&stop).unwrap()]);
}

#[test]
fn torn_and_hostile_files_are_refused() {
    let file = model(GgmlDType::Q4_1);
    let whole = std::fs::read(&file.0).unwrap();
    for length in [0, 4, 24, 100, whole.len() / 2, whole.len() - 40] {
        let torn = Scratch::new("torn");
        std::fs::write(&torn.0, &whole[..length]).unwrap();
        assert!(Generator::open(&torn.0, 0).is_err(), "{length} bytes were accepted");
    }
    // A length of 2^63 in place of the number of tensors.
    let mut bomb = whole.clone();
    bomb[15] = 0x80;
    let hostile = Scratch::new("bomb");
    std::fs::write(&hostile.0, &bomb).unwrap();
    assert!(Generator::open(&hostile.0, 0).is_err());
}

#[test]
fn texts_that_are_computed_together_are_those_computed_alone() {
    let file = model(GgmlDType::Q4_1);
    let generator = Generator::open(&file.0, 0).unwrap();
    let prompts: Vec<String> =
        (0..70).map(|i| "abcdefghij"[..1 + i % 10].repeat(1 + i % 7)).collect();
    let alone: Vec<String> =
        prompts.iter().map(|p| text(&generator, p, request(20, 0.0, 0)).0).collect();
    let mut together: Vec<_> =
        prompts.iter().map(|p| generator.start(p, false, request(20, 0.0, 0)).unwrap()).collect();
    drop(together.remove(3)); // one leaves; the others stay as they are
    let texts = together.iter_mut().map(|generation| {
        let mut text = String::new();
        while let Some(token) = generation.next().unwrap() {
            text += &token.text;
        }
        text
    });
    let expected = alone.iter().enumerate().filter(|(i, _)| *i != 3).map(|(_, text)| text);
    assert!(texts.eq(expected.cloned()));
}

#[test]
fn a_conversation_goes_on_from_what_was_read() {
    let file = model(GgmlDType::F32);
    let (keeps, forgets) = (open(&file.0).unwrap(), Generator::open(&file.0, 0).unwrap());
    let first = "the beginning of a conversation";
    let answer = text(&keeps, first, request(12, 0.0, 0)).0;
    let second = format!("{first}{answer}and more");
    let mut generation = keeps.start(&second, false, request(30, 0.0, 0)).unwrap();
    let mut cached = String::new();
    while let Some(token) = generation.next().unwrap() {
        cached += &token.text;
    }
    assert!(generation.cached_tokens() > 20, "{} tokens were known", generation.cached_tokens());
    assert_eq!(cached, text(&forgets, &second, request(30, 0.0, 0)).0);
    assert_eq!(forgets.start(&second, false, request(1, 0.0, 0)).unwrap().cached_tokens(), 0);
}

#[test]
fn a_long_prompt_is_truncated_when_that_is_asked() {
    let file = model(GgmlDType::F32);
    let generator = open(&file.0).unwrap();
    let mut asked = request(4, 0.0, 0);
    asked.truncate = Some(10);
    let generation = generator.start(&"ab".repeat(200), false, asked).unwrap();
    assert_eq!(generation.prompt_tokens(), 10);
}
