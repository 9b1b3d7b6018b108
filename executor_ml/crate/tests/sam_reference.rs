//! SAM against transformers on small random weights (golden/sam.json, made by
//! executor_ml/tests/golden/make_sam.py), with configurations of both its generations.

mod made;

use edgemesh_candle::vision::{Prompt, Sam};
use edgemesh_candle::whisper::Halt;
use made::{Folder, close, decoded, floats, picture};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Deserialize)]
struct Golden {
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    config_4: Value,
    config_5: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    preprocessor: Value,
    pictures: Vec<Seen>,
}

#[derive(Deserialize)]
struct Seen {
    size: (usize, usize),
    embedding: String,
    asked: Vec<Asked>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    points: Vec<[f64; 2]>,
    #[serde(default)]
    labels: Vec<u8>,
    r#box: Option<[f64; 4]>,
    many: bool,
    scores: String,
    masks: String,
    values: Option<String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/sam.json")).unwrap()
}

impl Model {
    fn folder(&self, name: &str, config: &Value) -> Folder {
        let folder = Folder::new(&format!("sam-{name}"), &self.tensors);
        folder.write("config.json", config);
        folder.write("preprocessor_config.json", &self.preprocessor);
        folder
    }
}

impl Asked {
    fn prompt(&self) -> Prompt {
        let labels = self.labels.iter().map(|label| *label == 1);
        Prompt { points: self.points.iter().copied().zip(labels).collect(), area: self.r#box }
    }
}

#[test]
fn masks_equal_those_of_transformers() {
    for (name, model) in golden().models {
        for (generation, config) in [(4, &model.config_4), (5, &model.config_5)] {
            let folder = model.folder(&format!("{name}-{generation}"), config);
            let sam = Sam::open(&folder.0).unwrap();
            for seen in &model.pictures {
                let given = sam.prepare(&picture(seen.size)).unwrap();
                let embedded = sam.embed(&given, seen.size, &|| true).unwrap();
                let what = format!("{name} {generation} {:?}", seen.size);
                close(&embedded.values, &floats(&seen.embedding), &what);
                for (i, asked) in seen.asked.iter().enumerate() {
                    let what = format!("{what}, prompt {i}");
                    let masks =
                        sam.masks(&embedded, &asked.prompt(), !asked.many, &|| true).unwrap();
                    assert_eq!(masks.scores.len(), if asked.many { 3 } else { 1 });
                    close(&masks.scores, &floats(&asked.scores), &what);
                    if let Some(values) = &asked.values {
                        close(&masks.values, &floats(values), &what);
                    }
                    let pixels = seen.size.0 * seen.size.1;
                    let mut all = vec![7; pixels * masks.scores.len()];
                    all.chunks_exact_mut(pixels).enumerate().for_each(|(i, m)| masks.write(i, m));
                    let bits = decoded(&asked.masks);
                    let expected: Vec<u8> =
                        (0..all.len()).map(|i| bits[i / 8] >> (7 - i % 8) & 1).collect();
                    let other = all.iter().zip(&expected).filter(|(a, b)| a != b).count();
                    // A value that is zero but for rounding may fall on either side.
                    assert!(other <= 2, "{what}: {other} of {} pixels", all.len());
                }
            }
        }
    }
}

#[test]
fn a_caller_may_end_it_between_layers() {
    let model = &golden().models["windows"];
    let folder = model.folder("ended", &model.config_5);
    let sam = Sam::open(&folder.0).unwrap();
    let given = sam.prepare(&picture((20, 20))).unwrap();
    let most = |most: usize| {
        let asked = AtomicUsize::new(0);
        move || asked.fetch_add(1, Ordering::Relaxed) < most
    };
    for n in 0..4 {
        assert!(matches!(sam.embed(&given, (20, 20), &most(n)), Err(Halt::Stopped)), "{n}");
    }
    let embedded = sam.embed(&given, (20, 20), &most(4)).unwrap();
    let prompt = Prompt { points: vec![([3.0, 3.0], true)], area: None };
    for n in 0..3 {
        let ended = sam.masks(&embedded, &prompt, true, &most(n));
        assert!(matches!(ended, Err(Halt::Stopped)), "{n}");
    }
    assert!(sam.masks(&embedded, &prompt, true, &most(3)).is_ok());
}

#[test]
fn what_does_not_fit_is_named() {
    let model = &golden().models["windows"];
    let refusal = |name: &str, change: &dyn Fn(&Folder, &mut Value)| {
        let mut config = model.config_5.clone();
        let folder = model.folder(name, &config);
        change(&folder, &mut config);
        folder.write("config.json", &config);
        Sam::open(&folder.0).err().expect("it was accepted").to_string()
    };
    let other = refusal("other", &|_, c| c["model_type"] = "sam2".into());
    assert!(other.contains("\"sam2\" is not supported; sam is"), "{other}");
    let heads = refusal("heads", &|_, c| c["vision_config"]["num_attention_heads"] = 5.into());
    assert!(heads.contains("5 heads do not divide 24"), "{heads}");
    let heads = refusal("less", &|_, c| c["mask_decoder_config"]["num_attention_heads"] = 3.into());
    assert!(heads.contains("3 heads do not divide 32"), "{heads}");
    let window = refusal("window", &|_, c| c["vision_config"]["window_size"] = 5.into());
    assert!(window.contains("has shape [5, 8], expected [9, 8]"), "{window}");
    let huge = refusal("huge", &|_, c| c["vision_config"]["window_size"] = 5000.into());
    assert!(huge.contains("8 patches in windows of 5000, expected at most 256"), "{huge}");
    let size = refusal("size", &|folder, _| {
        folder.write("preprocessor_config.json", &json!({"size": {"longest_edge": 64}}));
    });
    assert!(size.contains("must give pictures of 32 by 32"), "{size}");
}
