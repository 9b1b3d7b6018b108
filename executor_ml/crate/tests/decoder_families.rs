//! Every family against transformers on small random weights (golden/decoders.json, made by
//! executor_ml/tests/golden/make_decoders.py), with configurations of both its generations.

mod made;

use edgemesh_candle::chat::Message;
use edgemesh_candle::decoder::{Cache, ConfigFile, Decoder};
use edgemesh_candle::generate::{Generator, Request};
use edgemesh_candle::shards::Shards;
use made::worst;
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

#[derive(Deserialize)]
struct Golden {
    ids: Vec<u32>,
    families: BTreeMap<String, Family>,
}

#[derive(Deserialize)]
struct Family {
    config_4: Value,
    config_5: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    /// Behind the first id, the second, and the last.
    logits: Vec<Vec<f32>>,
    greedy: Vec<u32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/decoders.json")).unwrap()
}

/// As `noise` in make_decoders.py.
fn values(name: &str, count: usize) -> Vec<f32> {
    let mut state = 2_166_136_261_u32;
    for byte in name.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 0.3
    };
    (0..count).map(|_| next()).collect()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, family: &Family, config: &Value) -> Self {
        let id = format!("edgemesh-{}-{name}", std::process::id());
        let folder = Self(std::env::temp_dir().join(id));
        std::fs::create_dir_all(&folder.0).unwrap();
        let gemma = name.starts_with("gemma");
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = family
            .tensors
            .iter()
            .map(|(name, shape)| {
                let ones = if name.contains("norm") && !gemma { 1.0 } else { 0.0 };
                let all = values(name, shape.iter().product());
                let bytes = all.into_iter().flat_map(|x| (x + ones).to_le_bytes());
                (name, shape, bytes.collect())
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &folder.0.join("model.safetensors")).unwrap();
        std::fs::write(folder.0.join("config.json"), config.to_string()).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(folder: &Path) -> Decoder {
    let config = ConfigFile::read(&folder.join("config.json")).unwrap().decoder().unwrap();
    Decoder::read(&Shards::open(folder).unwrap(), config).unwrap()
}

fn greedy(logits: &[f32]) -> u32 {
    (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b]).then(b.cmp(a))).unwrap()
        as u32
}

#[test]
fn logits_and_greedy_tokens_equal_transformers() {
    let Golden { ids, families } = golden();
    for (name, family) in &families {
        for (generation, config) in [(4, &family.config_4), (5, &family.config_5)] {
            let folder = Folder::new(&format!("{name}-{generation}"), family, config);
            let decoder = open(&folder.0);
            for (count, expected) in [1, 2, ids.len()].into_iter().zip(&family.logits) {
                let mut cache = Cache::new(&decoder.config, count);
                let off = worst(&decoder.forward(&ids[..count], &mut cache), expected);
                let what = format!("{name}, transformers {generation}, {count} tokens");
                assert!(off < 1e-4, "{what}: logits are off by {off:e}");
            }
            let mut cache = Cache::new(&decoder.config, ids.len() + family.greedy.len());
            let mut logits = decoder.forward(&ids, &mut cache);
            for (i, expected) in family.greedy.iter().enumerate() {
                let next = greedy(&logits);
                assert_eq!(next, *expected, "{name}, transformers {generation}: token {i}");
                logits = decoder.decode(&[next], &mut [&mut cache]);
            }
        }
    }
}

#[test]
fn a_sequence_among_others_gets_the_bits_that_it_gets_alone() {
    let Golden { ids, families } = golden();
    for (name, family) in &families {
        let folder = Folder::new(&format!("{name}-batch"), family, &family.config_5);
        let decoder = open(&folder.0);
        let start = |n: usize| {
            let mut cache = Cache::new(&decoder.config, 64);
            decoder.forward(&ids[..n], &mut cache);
            cache
        };
        let lengths: Vec<usize> = (0..11).map(|i| 1 + i * 7 % ids.len()).collect();
        let mut together: Vec<Cache> = lengths.iter().map(|n| start(*n)).collect();
        let mut alone: Vec<Cache> = lengths.iter().map(|n| start(*n)).collect();
        for step in 0..3 {
            let next: Vec<u32> = (0..11).map(|i| (i * 13 + step * 5) % 90).collect();
            let mut caches: Vec<&mut Cache> = together.iter_mut().collect();
            let all = decoder.decode(&next, &mut caches);
            for (i, logits) in all.chunks_exact(decoder.config.vocabulary).enumerate() {
                let single = decoder.decode(&next[i..=i], &mut [&mut alone[i]]);
                assert_eq!(logits, single, "{name}: sequence {i}, step {step}");
            }
        }
    }
}

#[test]
fn a_copied_cache_goes_on_as_its_original() {
    let Golden { ids, families } = golden();
    let family = &families["qwen3"];
    let folder = Folder::new("qwen3-copy", family, &family.config_5);
    let decoder = open(&folder.0);
    let mut whole = Cache::new(&decoder.config, 40);
    let expected = decoder.forward(&ids, &mut whole);
    let mut copy = Cache::copy_of(&whole, &decoder.config, 15, 30);
    let off = worst(&decoder.forward(&ids[15..], &mut copy), &expected);
    assert!(off < 1e-4, "off by {off:e}");
}

fn refusal(name: &str, change: impl FnOnce(&mut Value)) -> String {
    let Golden { families, .. } = golden();
    let family = &families["llama"];
    let mut config = family.config_5.clone();
    change(&mut config);
    let folder = Folder::new(name, family, &config);
    let config = ConfigFile::read(&folder.0.join("config.json")).unwrap().decoder();
    let opened = config.and_then(|c| Decoder::read(&Shards::open(&folder.0)?, c));
    opened.err().expect("it was accepted").to_string()
}

#[test]
fn what_is_not_supported_is_named() {
    let other = refusal("other", |c| c["model_type"] = "mamba".into());
    assert!(other.contains("\"mamba\" is not supported; llama, mistral"), "{other}");
    let yarn = refusal("yarn", |c| c["rope_parameters"]["rope_type"] = "yarn".into());
    assert!(yarn.contains("\"yarn\" are not supported"), "{yarn}");
    let huge = refusal("huge", |c| c["hidden_size"] = (1_u64 << 60).into());
    assert!(huge.contains("sizes that no model has"), "{huge}");
    let shape = refusal("shape", |c| c["vocab_size"] = 95.into());
    assert!(shape.contains("has shape [96, 64]"), "{shape}");
}

#[test]
fn torn_and_hostile_folders_are_refused_by_name() {
    let Golden { families, .. } = golden();
    let family = &families["llama"];
    let folder = Folder::new("hostile", family, &family.config_5);
    let path = folder.0.join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = Shards::open(&folder.0).err().expect("it was accepted").to_string();
        assert!(error.contains("model.safetensors"), "{error}");
    };
    for length in [0, 7, 8, 100, whole.len() / 2, whole.len() - 1] {
        refused(&whole[..length]);
    }
    let mut bomb = whole.clone();
    bomb[..8].copy_from_slice(&(1_u64 << 63).to_le_bytes());
    refused(&bomb);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(folder.0.join("pytorch_model.bin"), b"\x80\x02.").unwrap();
    let error = Shards::open(&folder.0).err().unwrap().to_string();
    assert!(error.contains("pytorch_model.bin is a pickle, which is never read"), "{error}");
}

/// A byte-level tokenizer whose tokens are the printable characters, and two that are special.
fn write_tokenizer(folder: &Path) {
    let vocabulary = ('!'..='~').zip(0..).map(|(c, id)| (c.to_string(), id));
    let model = BPE::builder().vocab_and_merges(vocabulary.collect::<Vocab>(), vec![]);
    let mut tokenizer = Tokenizer::new(model.build().unwrap());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::new(false, true, true)));
    let special = ["<s>", "</s>"].map(|t| AddedToken::from(t, true));
    tokenizer.add_special_tokens(special).unwrap();
    tokenizer.save(folder.join("tokenizer.json"), false).unwrap();
    let template = "{{ bos_token }}{% for m in messages %}{{ m['role'][0] + m.content.strip() }}\
                    {% endfor %}{% if add_generation_prompt %}:{{ mood }}{% endif %}";
    let config = serde_json::json!({
        "bos_token": {"content": "<s>"}, "eos_token": "</s>", "chat_template": template,
    });
    std::fs::write(folder.join("tokenizer_config.json"), config.to_string()).unwrap();
}

#[test]
fn a_folder_with_its_tokenizer_generates_and_chats() {
    let Golden { ids, families } = golden();
    let family = &families["qwen3"];
    let folder = Folder::new("qwen3-text", family, &family.config_4);
    write_tokenizer(&folder.0);
    let generator = Generator::open(&folder.0, 0).unwrap();
    let prompt: String = ids.iter().map(|id| char::from(b'!' + *id as u8)).collect();
    assert_eq!(generator.tokenize(&prompt).unwrap(), ids);
    let request = Request { max_tokens: 64, ..Request::default() };
    let mut generation = generator.start(&prompt, true, request).unwrap();
    let mut chosen = vec![];
    while let Some(token) = generation.next().unwrap() {
        chosen.push(token.id);
    }
    // config.json says that 2 ends a turn; </s> does as well.
    let expected = family.greedy.iter().take_while(|id| **id != 2 && **id != 95);
    assert_eq!(chosen, expected.copied().collect::<Vec<_>>());
    let messages = [Message { role: "user".into(), content: " hi ".into() }];
    let text = generator.chat(&messages, &serde_json::json!({"mood": "!"})).unwrap();
    assert_eq!(text, "<s>uhi:!");
    assert_eq!(generator.tokenize(&text).unwrap()[0], 94);
}
