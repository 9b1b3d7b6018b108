//! BLIP against transformers on small random weights (golden/blip.json, made by
//! executor_ml/tests/golden/make_blip.py), with configurations of both its generations.

mod made;

use edgemesh_candle::error::Error;
use edgemesh_candle::vision::{Blip, TextRequest};
use edgemesh_candle::whisper::Halt;
use made::{Folder, close, floats, picture};
use serde::Deserialize;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    models: BTreeMap<String, Model>,
}

#[derive(Deserialize)]
struct Model {
    config_4: Value,
    config_5: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    tokenizer: Value,
    preprocessor: Value,
    pictures: Vec<Seen>,
}

#[derive(Deserialize)]
struct Seen {
    size: (usize, usize),
    text: Option<String>,
    ids: Vec<u32>,
    prompt: Vec<u32>,
    logits: String,
    said: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    search: Search,
    tokens: Vec<u32>,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Search {
    num_beams: usize,
    #[serde(default)]
    length_penalty: Option<f32>,
    #[serde(default)]
    early_stopping: bool,
}

const MOST: usize = 10;

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/blip.json")).unwrap()
}

impl Model {
    fn folder(&self, name: &str, config: &Value) -> Folder {
        let folder = Folder::new(&format!("blip-{name}"), &self.tensors);
        folder.write("config.json", config);
        folder.write("tokenizer.json", &self.tokenizer);
        folder.write("preprocessor_config.json", &self.preprocessor);
        folder
    }
}

fn greedy(text: Option<&str>) -> TextRequest {
    TextRequest {
        text: text.map(str::to_owned),
        max_tokens: MOST,
        beams: 1,
        length_penalty: 1.0,
        early_stopping: false,
    }
}

#[test]
fn texts_equal_those_of_transformers() {
    for (name, model) in golden().models {
        for (generation, config) in [(4, &model.config_4), (5, &model.config_5)] {
            let folder = model.folder(&format!("{name}-{generation}"), config);
            let blip = Blip::open(&folder.0).unwrap();
            assert_eq!(blip.answers(), name == "answer");
            for seen in &model.pictures {
                let what = format!("{name} {generation} {:?} {:?}", seen.size, seen.text);
                let given = blip.prepare(&picture(seen.size)).unwrap();
                let logits = blip.logits(&given, &seen.ids, &seen.prompt).unwrap();
                close(&logits, &floats(&seen.logits), &what);
                for said in &seen.said {
                    let Search { num_beams, length_penalty, early_stopping } = said.search;
                    let request = TextRequest {
                        beams: num_beams,
                        length_penalty: length_penalty.unwrap_or(1.0),
                        early_stopping,
                        ..greedy(seen.text.as_deref())
                    };
                    let mut told = (vec![], String::new());
                    let answer = blip
                        .say(&given, &request, &|| true, &mut |id, piece, _| {
                            told.0.push(id);
                            told.1.push_str(piece);
                        })
                        .unwrap();
                    let what = format!("{what} {:?}", said.search);
                    assert_eq!(answer.tokens, said.tokens, "{what}");
                    assert_eq!(answer.text, said.text, "{what}");
                    assert_eq!(told.0, said.tokens, "{what}");
                    assert!(said.text.ends_with(&told.1), "{what}: {}", told.1);
                    assert_eq!(answer.whole, said.tokens.len() < MOST, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_caller_may_end_it_between_layers_and_tokens() {
    let model = &golden().models["caption"];
    let folder = model.folder("ended", &model.config_5);
    let blip = Blip::open(&folder.0).unwrap();
    let given = blip.prepare(&picture((50, 37))).unwrap();
    // Two layers of the picture, what two remember of it, and two for the first token and the second.
    for most in [0, 1, 2, 3, 4, 5, 7] {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let going = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < most;
        let heard = Cell::new(0);
        let ended =
            blip.say(&given, &greedy(None), &going, &mut |_, _, _| heard.set(heard.get() + 1));
        assert!(matches!(ended, Err(Halt::Stopped)), "{most}");
        assert_eq!(heard.get(), most / 6);
    }
}

#[test]
fn a_text_longer_than_the_model_reads_is_refused() {
    for (name, model) in golden().models {
        let folder = model.folder(&format!("long-{name}"), &model.config_5);
        let blip = Blip::open(&folder.0).unwrap();
        let given = blip.prepare(&picture((20, 20))).unwrap();
        let say = |words: usize| {
            let text = vec!["cat"; words].join(" ");
            blip.say(&given, &greedy(Some(&text)), &|| true, &mut |_, _, _| ())
        };
        let error = say(31).unwrap_err();
        let Halt::Failed(Error::PromptTooLong { tokens, limit }) = error else { panic!("{error}") };
        assert_eq!((tokens, limit), (33, 32));
        // A caption that begins with all but one of the places has one token.
        let most = if name == "caption" { 1 } else { MOST };
        assert!(say(30).unwrap().tokens.len() <= most);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let refusal = |model: &Model, change: &dyn Fn(&mut Value)| {
        let mut config = model.config_5.clone();
        change(&mut config);
        let folder = model.folder("refused", &config);
        Blip::open(&folder.0).err().expect("it was accepted").to_string()
    };
    let golden = golden();
    let caption = &golden.models["caption"];
    let other = refusal(caption, &|c| c["model_type"] = "blip-2".into());
    assert!(other.contains("\"blip-2\" is not supported; blip is"), "{other}");
    let end = refusal(caption, &|c| c["text_config"]["sep_token_id"] = 1000.into());
    assert!(end.contains("sep_token_id 1000 is none of 70 tokens"), "{end}");
    let width = refusal(caption, &|c| c["vision_config"]["hidden_size"] = 64.into());
    assert!(width.contains("has shape"), "{width}");
    let size = refusal(caption, &|c| c["vision_config"]["image_size"] = 40.into());
    assert!(size.contains("position_embedding has shape [1, 17, 32]"), "{size}");
}
