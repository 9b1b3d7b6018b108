//! Every encoder against transformers on small random weights (golden/encoders.json, made by
//! executor_ml/tests/golden/make_encoders.py), and cross-encoders with their heads.

mod made;

use edgemesh_candle::embed::Embedder;
use edgemesh_candle::encoder::{Encoder, Input, Pooling};
use edgemesh_candle::rerank::Reranker;
use made::worst;
use safetensors::tensor::{Dtype, TensorView};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Deserialize)]
struct Golden {
    ids: Vec<u32>,
    lengths: Vec<usize>,
    pairs: Vec<(usize, usize)>,
    encoders: BTreeMap<String, Family>,
    cross_encoders: BTreeMap<String, Family>,
}

#[derive(Deserialize)]
struct Family {
    config: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    /// Of each length: the first token's vector, the last one's, the mean.
    #[serde(default)]
    vectors: Vec<[Vec<f32>; 3]>,
    #[serde(default)]
    scores: Vec<f32>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/encoders.json")).unwrap()
}

/// As `noise` in make_decoders.py.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let mut state = 2_166_136_261_u32;
    for byte in name.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    let is_gain = name.to_lowercase().contains("norm") && name.ends_with("weight");
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let noise = ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * 0.3;
        if is_gain { noise + 1.0 } else { noise }
    };
    (0..shape.iter().product()).map(|_| next()).collect()
}

type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

impl Family {
    fn weights(&self) -> Tensors {
        let tensor = |(name, shape): (&String, &Vec<usize>)| {
            (name.clone(), (shape.clone(), values(name, shape)))
        };
        self.tensors.iter().map(tensor).collect()
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, config: &Value, tensors: &Tensors) -> Self {
        let id = format!("edgemesh-encoder-{}-{name}", std::process::id());
        let folder = Self(std::env::temp_dir().join(id));
        std::fs::create_dir_all(&folder.0).unwrap();
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, (shape, all))| {
                (name, shape, all.iter().flat_map(|x| x.to_le_bytes()).collect())
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &folder.0.join("model.safetensors")).unwrap();
        std::fs::write(folder.0.join("config.json"), config.to_string()).unwrap();
        folder
    }

    /// A tokenizer of words w5, w6, …, which puts w1 before a text and w16, the golden's first id,
    /// before a pair.
    fn with_tokenizer(self) -> Self {
        let vocabulary: BTreeMap<String, u32> =
            (0..96).map(|i| (if i == 0 { "?".into() } else { format!("w{i}") }, i)).collect();
        let sequence = |id: &str, kind: u32| json!({"Sequence": {"id": id, "type_id": kind}});
        let tokenizer = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": null,
            "post_processor": {
                "type": "TemplateProcessing", "special_tokens": {
                    "w1": {"id": "w1", "ids": [1], "tokens": ["w1"]},
                    "w16": {"id": "w16", "ids": [16], "tokens": ["w16"]},
                },
                "single": [{"SpecialToken": {"id": "w1", "type_id": 0}}, sequence("A", 0)],
                "pair": [
                    {"SpecialToken": {"id": "w16", "type_id": 0}},
                    sequence("A", 0), sequence("B", 1),
                ],
            },
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "?"},
        });
        std::fs::write(self.0.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        self
    }

    fn with(self, name: &str, content: Value) -> Self {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content.to_string()).unwrap();
        self
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn bits(vector: &[f32]) -> Vec<u32> {
    vector.iter().map(|x| x.to_bits()).collect()
}

fn vector(encoder: &Encoder, ids: &[u32], pooling: Pooling) -> Vec<f32> {
    let mut out = vec![0.0; encoder.config.hidden];
    encoder.forward(&[Input { ids, types: &[] }], pooling, &mut out, 1);
    out
}

fn check(what: &str, encoder: &Encoder, golden: &Golden, family: &Family) {
    for (length, vectors) in golden.lengths.iter().zip(&family.vectors) {
        let poolings = [Pooling::Cls, Pooling::Last, Pooling::Mean];
        for (pooling, expected) in poolings.into_iter().zip(vectors) {
            let off = worst(&vector(encoder, &golden.ids[..*length], pooling), expected);
            assert!(off < 1e-4, "{what}, {length} tokens, {pooling:?}: off by {off:e}");
        }
    }
}

#[test]
fn vectors_equal_transformers() {
    let golden = golden();
    for (name, family) in &golden.encoders {
        let folder = Folder::new(name, &family.config, &family.weights());
        check(name, &Encoder::open(&folder.0).unwrap(), &golden, family);
    }
}

#[test]
fn a_sequence_among_others_gets_what_it_gets_alone() {
    let golden = golden();
    for (name, family) in &golden.encoders {
        let folder = Folder::new(&format!("{name}-batch"), &family.config, &family.weights());
        let encoder = Encoder::open(&folder.0).unwrap();
        let lengths = [3, 75, 1, 40, 12];
        let inputs = lengths.map(|n| Input { ids: &golden.ids[..n], types: &[] });
        for threads in [1, 2] {
            let mut out = vec![0.0; lengths.len() * encoder.config.hidden];
            encoder.forward(&inputs, Pooling::Mean, &mut out, threads);
            for (input, got) in inputs.iter().zip(out.chunks_exact(encoder.config.hidden)) {
                let alone = vector(&encoder, input.ids, Pooling::Mean);
                let off = worst(got, &alone);
                assert!(off < 1e-5, "{name}, {} tokens: off by {off:e}", input.ids.len());
                // A lone row is another product: calls are encoded as at least two (`batch`).
                assert!(input.ids.len() == 1 || bits(got) == bits(&alone), "{name}");
            }
        }
    }
}

/// Tensors under other names; several are stacked into one.
fn renamed(tensors: &Tensors, layers: usize, table: &[(&str, &[&str])]) -> Tensors {
    let mut out = tensors.clone();
    for layer in 0..layers {
        for (to, from) in table {
            let name = |part: &str| part.replace("{}", &layer.to_string());
            let parts: Vec<_> = from.iter().filter_map(|part| out.remove(&name(part))).collect();
            if let [(first, _), ..] = parts.as_slice() {
                let mut shape = first.clone();
                shape[0] *= parts.len();
                let all = parts.into_iter().flat_map(|(_, values)| values).collect();
                out.insert(name(to), (shape, all));
            }
        }
    }
    out
}

#[test]
fn files_of_their_makers_are_read_as_those_of_transformers() {
    let golden = golden();
    let qkv: &[&str] = &[
        "layers.{}.self_attn.q_proj.weight",
        "layers.{}.self_attn.k_proj.weight",
        "layers.{}.self_attn.v_proj.weight",
    ];
    let table: &[(&str, &[&str])] = &[
        ("emb_ln.weight", &["embeddings.LayerNorm.weight"]),
        ("emb_ln.bias", &["embeddings.LayerNorm.bias"]),
        ("encoder.layers.{}.attn.Wqkv.weight", qkv),
        ("encoder.layers.{}.attn.out_proj.weight", &["layers.{}.self_attn.o_proj.weight"]),
        ("encoder.layers.{}.mlp.fc11.weight", &["layers.{}.mlp.up_proj.weight"]),
        ("encoder.layers.{}.mlp.fc12.weight", &["layers.{}.mlp.gate_proj.weight"]),
        ("encoder.layers.{}.mlp.fc2.weight", &["layers.{}.mlp.down_proj.weight"]),
        ("encoder.layers.{}.norm1.weight", &["layers.{}.post_attention_layernorm.weight"]),
        ("encoder.layers.{}.norm1.bias", &["layers.{}.post_attention_layernorm.bias"]),
        ("encoder.layers.{}.norm2.weight", &["layers.{}.post_mlp_layernorm.weight"]),
        ("encoder.layers.{}.norm2.bias", &["layers.{}.post_mlp_layernorm.bias"]),
    ];
    let family = &golden.encoders["nomic_bert"];
    let config = json!({
        "model_type": "nomic_bert", "activation_function": "swiglu", "n_embd": 32, "n_head": 4,
        "n_inner": 48, "n_layer": 2, "n_positions": 96, "rotary_emb_base": 1000,
        "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": false, "rotary_scaling_factor": null,
        "layer_norm_epsilon": 1e-12, "vocab_size": 96, "type_vocab_size": 2, "prenorm": false,
        "qkv_proj_bias": false, "mlp_fc1_bias": false, "mlp_fc2_bias": false,
    });
    let folder = Folder::new("nomic-own", &config, &renamed(&family.weights(), 2, table));
    check("nomic's own", &Encoder::open(&folder.0).unwrap(), &golden, family);

    // What modernbert's files said before transformers 5.
    let family = &golden.encoders["modernbert"];
    let mut config = family.config.clone();
    for key in ["layer_types", "rope_parameters"] {
        config.as_object_mut().unwrap().remove(key);
    }
    config["global_attn_every_n_layers"] = 3.into();
    config["global_rope_theta"] = 160_000.0.into();
    config["local_rope_theta"] = 10_000.0.into();
    let folder = Folder::new("modernbert-4", &config, &family.weights());
    check("modernbert of 4", &Encoder::open(&folder.0).unwrap(), &golden, family);
}

fn words(ids: &[u32]) -> String {
    ids.iter().map(|id| format!("w{id} ")).collect()
}

#[test]
fn scores_equal_transformers() {
    let golden = golden();
    for (name, family) in &golden.cross_encoders {
        let weights = family.weights();
        let folder = Folder::new(&format!("{name}-cross"), &family.config, &weights);
        let folder = folder.with_tokenizer();
        let reranker = Reranker::open(&folder.0).unwrap();
        for ((query, document), expected) in golden.pairs.iter().zip(&family.scores) {
            let (a, b) = (&golden.ids[..*query], &golden.ids[*query..query + document]);
            let documents = [words(&a[..1]), words(b), words(&b[..2])];
            let mut job = reranker.start(&words(&a[1..]), &documents).unwrap();
            while job.step() {}
            let off = (job.scores(true)[1] - expected).abs();
            assert!(off < 1e-4, "{name}, {query} and {document} tokens: off by {off:e}");
            let sigmoid = 1.0 / (1.0 + (-expected).exp());
            assert!((job.scores(false)[1] - sigmoid).abs() < 1e-4, "{name}: no sigmoid");
        }
        let mut config = family.config.clone();
        let identity = "torch.nn.modules.linear.Identity";
        config["sentence_transformers"] = json!({"activation_fn": identity});
        let folder = folder.with("config.json", config);
        let reranker = Reranker::open(&folder.0).unwrap();
        let mut job = reranker.start("w5 w6", &["w7".into()]).unwrap();
        while job.step() {}
        assert_eq!(job.scores(true), job.scores(false), "{name}");
        let long = "w9 ".repeat(200);
        let job = reranker.start("w5 w6", &[long]).unwrap();
        assert_eq!((job.tokens(), job.truncated()), (reranker.max_tokens(), 1), "{name}");
    }
}

fn embedder(name: &str, change: impl FnOnce(&mut Value)) -> Folder {
    let family = &golden().encoders["xlm-roberta"];
    let mut config = family.config.clone();
    change(&mut config);
    Folder::new(name, &config, &family.weights()).with_tokenizer()
}

#[test]
fn what_sentence_transformers_writes_decides() {
    let golden = golden();
    let text = [words(&golden.ids[..5])];
    let ids: Vec<u32> = [1].into_iter().chain(golden.ids[..5].iter().copied()).collect();
    for (pooling, mode) in
        [(Pooling::Cls, "cls"), (Pooling::Last, "lasttoken"), (Pooling::Mean, "mean")]
    {
        let old = match mode {
            "lasttoken" => "pooling_mode_lasttoken".to_owned(),
            "cls" => "pooling_mode_cls_token".to_owned(),
            _ => "pooling_mode_mean_tokens".to_owned(),
        };
        for file in [json!({"pooling_mode": mode}), json!({ old: true, "pooling_mode_x": false })] {
            let folder = embedder(&format!("pool-{mode}"), |_| ());
            let folder = folder.with("1_Pooling/config.json", file);
            let embedder = Embedder::open(&folder.0).unwrap();
            let mut out = vec![0.0; embedder.dimensions()];
            embedder.start(&text, false, true).unwrap().step(&mut out);
            assert_eq!(out, vector(&Encoder::open(&folder.0).unwrap(), &ids, pooling));
        }
    }
    let folder =
        embedder("shorter", |_| ()).with("tokenizer_config.json", json!({"model_max_length": 7}));
    assert_eq!(Embedder::open(&folder.0).unwrap().max_tokens(), 7);
    let folder = folder.with("sentence_bert_config.json", json!({"max_seq_length": 6}));
    let embedder = Embedder::open(&folder.0).unwrap();
    let long = words(&golden.ids[..30]);
    assert_eq!(embedder.start(&["w9".into(), long.clone()], true, true).unwrap().truncated(), 1);
    let error = embedder.start(&["w9".into(), long], true, false).err().unwrap().to_string();
    assert_eq!(error, "text 1 is 31 tokens long; the model reads 6");
}

/// Everything that a call embeds.
fn embed(embedder: &Embedder, texts: &[String]) -> Vec<u32> {
    let mut job = embedder.start(texts, true, true).unwrap();
    let mut out = vec![0.0; job.values()];
    while job.step(&mut out) {}
    bits(&out)
}

#[test]
fn calls_that_run_together_get_what_they_get_alone() {
    let golden = golden();
    let folder = embedder("together", |_| ());
    let embedder = Embedder::open(&folder.0).unwrap();
    // Of one row, of a few, and of more than is encoded in one go.
    let calls: Vec<Vec<String>> = (0..12)
        .map(|i| match i {
            0 => vec![String::new()],
            1 => (0..200).map(|n| words(&golden.ids[n % 7..][..1 + n % 40])).collect(),
            i => (0..i % 4 + 1).map(|n| words(&golden.ids[i..][..2 + 3 * n])).collect(),
        })
        .collect();
    let alone: Vec<_> = calls.iter().map(|texts| embed(&embedder, texts)).collect();
    let before = embedder.encoded();
    std::thread::scope(|scope| {
        // One that has begun and goes: nobody gets what was its.
        let mut gone = embedder.start(&calls[1], true, true).unwrap();
        let mut out = vec![0.0; gone.values()];
        gone.step(&mut out);
        let running: Vec<_> =
            calls.iter().map(|texts| scope.spawn(|| embed(&embedder, texts))).collect();
        gone.step(&mut out);
        drop(gone);
        for (call, alone) in running.into_iter().zip(&alone) {
            assert!(call.join().unwrap() == *alone);
        }
    });
    let texts: u64 = calls.iter().map(|texts| texts.len() as u64).sum();
    assert!(embedder.encoded().sequences - before.sequences >= texts);
    // Nobody is waited for any more: a lone call is one batch.
    let before = embedder.encoded();
    embed(&embedder, &calls[5]);
    assert_eq!(embedder.encoded().batches - before.batches, 1);
}

#[test]
fn what_is_not_supported_is_named() {
    let refused = |folder: Folder| Embedder::open(&folder.0).err().unwrap().to_string();
    // Two positions before the first token's.
    assert_eq!(Embedder::open(&embedder("positions", |_| ()).0).unwrap().max_tokens(), 94);
    let other = refused(embedder("other", |c| c["model_type"] = "t5".into()));
    assert!(other.contains("model_type \"t5\" is not supported; bert, distilbert"), "{other}");
    let swish = refused(embedder("mish", |c| c["hidden_act"] = "mish".into()));
    assert!(swish.contains("hidden_act \"mish\" is not supported"), "{swish}");
    let heads = refused(embedder("heads", |c| c["num_attention_heads"] = 5.into()));
    assert!(heads.contains("5 heads do not divide 32 hidden values"), "{heads}");
    let huge = refused(embedder("huge", |c| c["hidden_size"] = (1_u64 << 60).into()));
    assert!(huge.contains("sizes that no model has"), "{huge}");
    let dense = json!([{"type": "sentence_transformers.models.Dense"}]);
    let dense = refused(embedder("dense", |_| ()).with("modules.json", dense));
    assert!(dense.contains("module \"Dense\" is not supported"), "{dense}");
    let max = json!({"pooling_mode_max_tokens": true});
    let max = refused(embedder("max", |_| ()).with("1_Pooling/config.json", max));
    assert!(max.contains("only mean, cls and lasttoken"), "{max}");
    let family = &golden().cross_encoders["bert"];
    let mut weights = family.weights();
    for (name, shape) in [("classifier.weight", vec![3, 32]), ("classifier.bias", vec![3])] {
        weights.insert(name.into(), (shape.clone(), values(name, &shape)));
    }
    let folder = Folder::new("labels", &family.config, &weights).with_tokenizer();
    let labels = Reranker::open(&folder.0).err().unwrap().to_string();
    assert!(labels.contains("one label is supported"), "{labels}");
}
