//! Every family that reads pictures against transformers on small random weights
//! (golden/vision.json, made by executor_ml/tests/golden/make_vision.py), with configurations of
//! both its generations; what processors make of pictures; and what Pillow reads in files.

mod made;

use edgemesh_candle::picture::{Picture, Preparation, Prepared};
use edgemesh_candle::vision::{Classifier, Pair};
use made::{Folder, close, decoded, floats, noise, picture, worst};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    models: BTreeMap<String, Model>,
    processors: BTreeMap<String, Processor>,
    files: Vec<FileRead>,
}

#[derive(Deserialize)]
struct Model {
    config_4: Value,
    config_5: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    logits: String,
    features: Option<String>,
    tokenizer: Option<Value>,
    tokenizer_config: Option<Value>,
    preprocessor: Option<Value>,
    #[serde(default)]
    ids: Vec<Vec<u32>>,
    #[serde(default)]
    image_embeds: String,
    #[serde(default)]
    text_embeds: String,
    #[serde(default)]
    probabilities: String,
}

#[derive(Deserialize)]
struct Processor {
    config: Value,
    pictures: Vec<Processed>,
}

#[derive(Deserialize)]
struct Processed {
    size: (usize, usize),
    height: usize,
    width: usize,
    values: String,
}

#[derive(Deserialize)]
struct FileRead {
    name: String,
    file: String,
    height: usize,
    width: usize,
    rgb: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/vision.json")).unwrap()
}

/// As `weights_of` in make_vision.py.
fn weights(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan: usize = shape.iter().skip(1).product();
    let scale = match shape.len() {
        0 | 1 => 0.3,
        _ => (3.0 / fan as f64).sqrt() as f32,
    };
    let mut values = noise(name, shape.iter().product(), scale);
    if name.ends_with("running_var") {
        values.iter_mut().for_each(|x| *x = x.abs() + 0.5);
    }
    let is_norm = ["norm", "_bn", "layrnorm"].iter().any(|part| name.contains(part));
    if is_norm && name.ends_with(".weight") {
        values.iter_mut().for_each(|x| *x += 1.0);
    }
    values
}

/// A model's folder.
fn folder_of(name: &str, model: &Model, config: &Value) -> Folder {
    let folder = Folder::of(name, &model.tensors, weights);
    folder.write("config.json", config);
    let plain = json!({"image_processor_type": "ViTImageProcessor", "size": 32});
    folder.write("preprocessor_config.json", model.preprocessor.as_ref().unwrap_or(&plain));
    for (name, file) in
        [("tokenizer.json", &model.tokenizer), ("tokenizer_config.json", &model.tokenizer_config)]
    {
        if let Some(file) = file {
            folder.write(name, file);
        }
    }
    folder
}

fn pixels() -> Vec<Prepared> {
    let all = noise("pixels", 2 * 32 * 32 * 3, 1.0);
    all.chunks_exact(32 * 32 * 3)
        .map(|each| Prepared { height: 32, width: 32, values: each.to_vec() })
        .collect()
}

#[test]
fn logits_equal_transformers() {
    let given = pixels();
    let given: Vec<&Prepared> = given.iter().collect();
    for (name, model) in golden().models.iter().filter(|(_, model)| model.ids.is_empty()) {
        for (generation, config) in [(4, &model.config_4), (5, &model.config_5)] {
            let folder = folder_of(&format!("{name}-{generation}"), model, config);
            let classifier = Classifier::open(&folder.0).unwrap();
            let (logits, features) = classifier.logits(&given);
            let what = format!("{name}, transformers {generation}");
            close(&logits, &floats(&model.logits), &what);
            if let Some(expected) = &model.features {
                close(&features, &floats(expected), &what);
                assert!(classifier.labels().is_empty());
            } else {
                assert_eq!(classifier.labels(), ["cat", "dog", "tree", "sea", "house"], "{what}");
            }
            let alone: Vec<f32> = given.iter().flat_map(|p| classifier.logits(&[p]).0).collect();
            close(&alone, &logits, &what);
            let many: Vec<&Prepared> = (0..7).map(|i| given[i % 2]).collect();
            let many = classifier.logits(&many).0;
            close(&many[..logits.len()], &logits, &what);
        }
    }
}

#[test]
fn pictures_and_texts_meet_as_in_transformers() {
    let golden = golden();
    for (name, model) in golden.models.iter().filter(|(_, model)| !model.ids.is_empty()) {
        for (generation, config) in [(4, &model.config_4), (5, &model.config_5)] {
            let what = format!("{name}, transformers {generation}");
            let folder = folder_of(&format!("{name}-{generation}"), model, config);
            let pair = Pair::open(&folder.0).unwrap();
            let ids: Vec<_> =
                golden.texts.iter().map(|text| pair.tokenize(text).unwrap().0).collect();
            for (ids, expected) in ids.iter().zip(&model.ids) {
                let length = ids.len();
                assert_eq!(ids[..], expected[..length], "{what}");
                assert!(expected[length..].iter().all(|id| *id == expected[length - 1]), "{what}");
            }
            let texts = pair.texts(&ids);
            close(&texts, &floats(&model.text_embeds), &what);
            let prepared = [(50, 37), (9, 30)].map(|size| pair.prepare(&picture(size)).unwrap());
            let pictures = pair.pictures(&[&prepared[0], &prepared[1]]);
            close(&pictures, &floats(&model.image_embeds), &what);
            let scores = pair.scores(&pictures, &texts);
            close(&scores, &floats(&model.probabilities), &what);
        }
    }
}

#[test]
fn processors_make_of_pictures_what_those_on_pillow_do() {
    for (name, processor) in golden().processors {
        let folder = Folder::empty(&format!("processor-{name}"));
        folder.write("preprocessor_config.json", &processor.config);
        let preparation = Preparation::read(&folder.0, "ViT").unwrap();
        for each in &processor.pictures {
            let made = preparation.apply(&picture(each.size)).unwrap();
            assert_eq!((made.height, made.width), (each.height, each.width), "{name}");
            let off = worst(&made.values, &floats(&each.values));
            assert!(off < 1e-6, "{name}, {:?}: off by {off:e}", each.size);
        }
    }
}

#[test]
fn a_processors_file_may_hold_it_and_old_ones_have_plain_sizes() {
    let folder = Folder::empty("processor-forms");
    folder.write(
        "processor_config.json",
        &json!({"image_processor": {
        "image_processor_type": "CLIPImageProcessorFast", "size": 20, "crop_size": 16}}),
    );
    assert_eq!(Preparation::read(&folder.0, "ViT").unwrap().output(), Some((16, 16)));
    folder.write(
        "preprocessor_config.json",
        &json!({"feature_extractor_type":
        "ConvNextFeatureExtractor", "size": 32, "crop_pct": 0.5}),
    );
    assert_eq!(Preparation::read(&folder.0, "ViT").unwrap().output(), Some((32, 32)));
    let refusal = |value: Value| {
        folder.write("preprocessor_config.json", &value);
        let error = Preparation::read(&folder.0, "ViT").err().expect("it was accepted").to_string();
        assert!(error.contains("preprocessor_config.json"), "{error}");
        error
    };
    let other = refusal(json!({"image_processor_type": "DetrImageProcessor"}));
    assert!(other.contains("\"DetrImageProcessor\" is not supported; ImageProcessors of ViT"));
    assert!(refusal(json!({"size": 100_000})).contains("expected 1 to 4096"));
    assert!(refusal(json!({"size": {"height": 0, "width": 4}})).contains("size of 0"));
    assert!(refusal(json!({"resample": 9})).contains("resample 9"));
    assert!(refusal(json!({"image_std": [0, 1, 1]})).contains("no numbers"));
    assert!(refusal(json!({"image_mean": [0, 1]})).contains("three numbers"));
}

#[test]
fn a_picture_too_narrow_to_be_resized_is_refused() {
    let folder = Folder::empty("narrow");
    folder
        .write("preprocessor_config.json", &json!({"image_processor_type": "CLIPImageProcessor"}));
    let preparation = Preparation::read(&folder.0, "CLIP").unwrap();
    let narrow = Picture::of_rgb(vec![0; 3_000_000], 1, 1_000_000).unwrap();
    let error = preparation.apply(&narrow).err().expect("it was resized").to_string();
    assert_eq!(error, "a picture less narrow than 1000000 by 1");
}

#[test]
fn files_are_read_as_pillow_reads_them() {
    for each in golden().files {
        let file = decoded(&each.file);
        let read = Picture::decode(&file, 1000).unwrap();
        assert_eq!((read.height, read.width), (each.height, each.width), "{}", each.name);
        let expected = decoded(&each.rgb);
        let off = read.rgb.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let allowed = if each.name.starts_with("jpeg") { 3 } else { 0 };
        assert!(off <= allowed, "{}: off by {off}", each.name);
    }
}

fn refusal(name: &str, model: &str, change: impl FnOnce(&Folder, &mut Value)) -> String {
    let golden = golden();
    let model = &golden.models[model];
    let mut config = model.config_5.clone();
    let folder = folder_of(name, model, &config);
    change(&folder, &mut config);
    folder.write("config.json", &config);
    let opened = match model.ids.is_empty() {
        true => Classifier::open(&folder.0).map(|_| ()),
        false => Pair::open(&folder.0).map(|_| ()),
    };
    opened.expect_err("it was accepted").to_string()
}

#[test]
fn what_does_not_fit_is_named() {
    let shape = refusal("shape", "vit", |_, c| c["hidden_size"] = 64.into());
    assert!(shape.contains("has shape"), "{shape}");
    let heads = refusal("heads", "vit", |_, c| c["num_attention_heads"] = 5.into());
    assert!(heads.contains("5 heads do not divide 32"), "{heads}");
    let huge = refusal("huge", "resnet", |_, c| c["embedding_size"] = (1_u64 << 60).into());
    assert!(huge.contains("embedding_size is 1152921504606846976, expected a size"), "{huge}");
    let layers = refusal("layers", "convnext", |_, c| c["depths"] = json!([1, 1]));
    assert!(layers.contains("must be as many"), "{layers}");
    let act = refusal("act", "mobilenet_v1", |_, c| c["hidden_act"] = "mish".into());
    assert!(act.contains("hidden_act \"mish\" is not supported"), "{act}");
    let size = refusal("size", "vit", |folder, _| {
        folder.write("preprocessor_config.json", &json!({"size": 48}));
    });
    assert!(size.contains("gives pictures of 48 by 48, which the model does not read"), "{size}");
    let other = refusal("other", "clip", |_, c| c["model_type"] = "flava".into());
    assert!(other.contains("\"flava\" is not supported; clip and siglip are"), "{other}");
    let words = refusal("words", "siglip", |_, c| c["text_config"]["vocab_size"] = 3.into());
    assert!(words.contains("tokens for a model of 3"), "{words}");
}
