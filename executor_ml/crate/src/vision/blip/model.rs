//! A folder with a BLIP, and what it says of a picture.

use super::Work;
use super::beams::Beams;
use super::text::{Head, Past, Seen, Text};
use crate::audio::Going;
use crate::error::{Error, Result};
use crate::numeric::log_sum_exp;
use crate::picture::{BadPicture, Picture, Preparation, Prepared};
use crate::shards::Shards;
use crate::tokenizer;
use crate::vision::Fields;
use crate::vision::encoder::Names;
use crate::vision::tower::{Defaults, Places, Tower};
use crate::vision::weights::Weights;
use crate::whisper::Halt;
use std::path::Path;
use tokenizers::Tokenizer;

const QKV: &str = "self_attn.qkv";
const PICTURES: Places = Places {
    patches: "embeddings.patch_embedding",
    class: Some("embeddings.class_embedding"),
    positions: "embeddings.position_embedding",
    pre: None,
    layers: "encoder.layers",
    post: "post_layernorm",
    names: Names {
        before: "layer_norm1",
        qkv: [QKV, QKV, QKV],
        output: "self_attn.projection",
        after: "layer_norm2",
        up: "mlp.fc1",
        down: "mlp.fc2",
    },
};
const SEEN: Defaults = Defaults {
    width: 768,
    layers: 12,
    heads: 12,
    feed: 3072,
    epsilon: 1e-5,
    activation: "gelu",
    causal: false,
};
const SAID: Defaults = Defaults { heads: 8, epsilon: 1e-12, causal: true, ..SEEN };

pub struct Blip {
    tower: Tower,
    /// Reads questions; none in a model that writes captions.
    reader: Option<Text>,
    writer: Text,
    head: Head,
    tokenizer: Tokenizer,
    preparation: Preparation,
    begin: u32,
    end: u32,
    width: usize,
}

/// What is asked of a picture.
#[derive(Clone, Debug)]
pub struct Request {
    /// A question, or what a caption begins with.
    pub text: Option<String>,
    pub max_tokens: usize,
    /// 1: the likeliest token is taken each time.
    pub beams: usize,
    pub length_penalty: f32,
    /// Whether the search ends as soon as there are as many texts as beams.
    pub early_stopping: bool,
}

/// What was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What a caption was told to begin with stands before it.
    pub text: String,
    /// Those that were written, the end counted.
    pub tokens: Vec<u32>,
    /// Whether it ended by itself.
    pub whole: bool,
}

/// Is told of each token: its id, the text that has become certain with it, its
/// log-probability where it was taken by itself.
pub type Told<'a> = &'a mut dyn FnMut(u32, &str, Option<f32>);

impl Blip {
    /// Opens a folder with `config.json`, the processor's and the tokenizer's files and weights.
    pub fn open(folder: &Path) -> Result<Self> {
        let fields = Fields::read(&folder.join("config.json"))?;
        let family = fields.text("model_type", "")?;
        if family != "blip" {
            return Err(fields.error(format!("{family:?} is not supported; blip is")));
        }
        let told = |key: &str| -> Result<Fields> {
            Ok(fields.object(key)?.with(fields.object(&format!("{key}_dict"))?))
        };
        let (seen, said) = (told("vision_config")?, told("text_config")?);
        let shards = Shards::open(folder)?;
        let weights = Weights::new(&shards, "", "");
        let shape = SEEN.over(&seen)?;
        let tower = Tower::read(&weights.at("vision_model"), &seen, &PICTURES, &shape, 16)?;
        let shape = SAID.over(&said)?;
        let asks = weights.has("text_encoder.embeddings.word_embeddings.weight");
        let read = |name: &str| Text::read(&weights.at(name), &said, &shape, tower.width);
        let reader = asks.then(|| read("text_encoder")).transpose()?;
        if asks && shape.width != tower.width {
            let (a, b) = (shape.width, tower.width);
            return Err(fields.error(format!("hidden_size of text_config is {a}, not {b}")));
        }
        let writer = read("text_decoder.bert")?;
        let words = writer.words();
        let head = Head::read(&weights.at("text_decoder.cls.predictions"), &shape, words)?;
        let token = |key: &str, default: usize| match said.count(key, default)? {
            id if id < words => Ok(id as u32),
            id => Err(fields.error(format!("{key} {id} is none of {words} tokens"))),
        };
        let (begin, end) = (token("bos_token_id", 30_522)?, token("sep_token_id", 102)?);
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::plain_from_json(&path)?;
        let ids = tokenizer.get_vocab_size(true);
        if ids > words {
            return Err(Error::model(&path, format!("has {ids} tokens for a model of {words}")));
        }
        let preparation = Preparation::read(folder, "Blip")?;
        if !preparation.output().is_some_and(|size| tower.reads(size, false)) {
            let (height, width) = tower.size;
            let reason =
                format!("must give pictures of {height} by {width}, which the model reads");
            return Err(Error::model(&folder.join("preprocessor_config.json"), reason));
        }
        let width = shape.width;
        Ok(Self { tower, reader, writer, head, tokenizer, preparation, begin, end, width })
    }

    /// Whether it answers questions; otherwise it writes captions.
    pub fn answers(&self) -> bool {
        self.reader.is_some()
    }

    pub fn prepare(&self, picture: &Picture) -> std::result::Result<Prepared, BadPicture> {
        self.preparation.apply(picture)
    }

    /// What it says of a picture.
    pub fn say(
        &self,
        picture: &Prepared,
        request: &Request,
        going: Going<'_>,
        told: Told<'_>,
    ) -> Work<Said> {
        let (ids, prompt) = self.prompt(request.text.as_deref())?;
        let seen = self.look(picture, &ids, going)?;
        let most = request.max_tokens.min(self.writer.places - prompt.len()).max(1);
        let mut past = self.writer.begin();
        let vectors =
            self.writer.forward(&prompt, std::slice::from_mut(&mut past), &seen, true, going)?;
        let first = &vectors[vectors.len() - self.width..];
        let tokens = match request.beams {
            0 | 1 => self.greedy(&prompt, first, past, most, &seen, going, told)?,
            _ => self.search(&prompt, first, past, most, request, &seen, going, told)?,
        };
        let whole = tokens.last() == Some(&self.end);
        let all = [&prompt[..], &tokens].concat();
        Ok(Said { text: self.text(&all), tokens, whole })
    }

    /// What the writer looks at: the picture, or what the reader makes of it and a question.
    fn look(&self, picture: &Prepared, question: &[u32], going: Going<'_>) -> Work<Seen> {
        let threads = crate::cpu::threads();
        let Some((mut x, _)) = self.tower.forward_while(&[picture], threads, going) else {
            return Err(Halt::Stopped);
        };
        self.tower.post.apply(&mut x, threads);
        let Some(reader) = &self.reader else {
            return self.writer.look(&x, self.tower.width, going);
        };
        let seen = reader.look(&x, self.tower.width, going)?;
        let read = reader.forward(question, &mut [reader.begin()], &seen, false, going)?;
        self.writer.look(&read, self.width, going)
    }

    /// Numbers for each word behind each token that it writes, [tokens, words].
    pub fn logits(&self, picture: &Prepared, question: &[u32], tokens: &[u32]) -> Work<Vec<f32>> {
        let seen = self.look(picture, question, &|| true)?;
        let past = &mut [self.writer.begin()];
        let vectors = self.writer.forward(tokens, past, &seen, true, &|| true)?;
        Ok(self.head.forward(&vectors, &self.writer))
    }

    /// A question's tokens, and those that the writer begins with.
    fn prompt(&self, text: Option<&str>) -> Result<(Vec<u32>, Vec<u32>)> {
        let Some(text) = text else { return Ok((vec![], vec![self.begin])) };
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|_| Error::Parameter {
            name: "text",
            expected: "must be a text that the tokenizer accepts",
        })?;
        let ids = encoding.get_ids().to_vec();
        let limit = self.reader.as_ref().unwrap_or(&self.writer).places;
        if ids.len() > limit || ids.is_empty() {
            return Err(Error::PromptTooLong { tokens: ids.len(), limit });
        }
        if self.reader.is_some() {
            return Ok((ids, vec![self.begin]));
        }
        // The caption begins where the tokenizer's end stands, and with a token of its own.
        let mut prompt = ids[..ids.len() - 1].to_vec();
        match prompt.first_mut() {
            Some(first) => *first = self.begin,
            None => prompt.push(self.begin),
        }
        Ok((vec![], prompt))
    }

    fn text(&self, ids: &[u32]) -> String {
        self.tokenizer.decode(ids, true).unwrap_or_default()
    }

    #[allow(clippy::too_many_arguments)]
    fn greedy(
        &self,
        prompt: &[u32],
        first: &[f32],
        mut past: Past,
        most: usize,
        seen: &Seen,
        going: Going<'_>,
        told: Told<'_>,
    ) -> Work<Vec<u32>> {
        let mut writing = Writing::new(self, prompt);
        let mut vector = first.to_vec();
        loop {
            let row = self.likely(&vector)?;
            let best =
                |a: &(usize, &f32), b: &(usize, &f32)| a.1.total_cmp(b.1).then(b.0.cmp(&a.0));
            let (id, logprob) =
                row.iter().enumerate().max_by(best).map_or((0, 0.0), |(i, x)| (i as u32, *x));
            writing.add(id, Some(logprob), told);
            if id == self.end || writing.tokens.len() >= most {
                return Ok(writing.tokens);
            }
            vector =
                self.writer.forward(&[id], std::slice::from_mut(&mut past), seen, true, going)?;
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn search(
        &self,
        prompt: &[u32],
        first: &[f32],
        past: Past,
        most: usize,
        request: &Request,
        seen: &Seen,
        going: Going<'_>,
        told: Told<'_>,
    ) -> Work<Vec<u32>> {
        let Request { beams, length_penalty, early_stopping, .. } = *request;
        let mut beams = Beams::new(beams, most, self.end, length_penalty, early_stopping);
        let mut pasts = vec![past];
        let mut likely = self.likely(first)?;
        while let Some(from) = beams.step(&likely) {
            pasts = from.iter().map(|i| pasts[*i].clone()).collect();
            let x = self.writer.forward(&beams.last(), &mut pasts, seen, true, going)?;
            likely = self.likely(&x)?;
        }
        let best = beams.best();
        let mut writing = Writing::new(self, prompt);
        best.tokens.iter().for_each(|id| writing.add(*id, None, told));
        Ok(writing.tokens)
    }

    /// Log-probabilities, [rows, words].
    fn likely(&self, vectors: &[f32]) -> Result<Vec<f32>> {
        let mut out = self.head.forward(vectors, &self.writer);
        for row in out.chunks_exact_mut(self.writer.words()) {
            let all = log_sum_exp(row);
            if !all.is_finite() {
                return Err(Error::Numeric);
            }
            row.iter_mut().for_each(|x| *x -= all);
        }
        Ok(out)
    }
}

/// A text that grows, and how much of it was told.
struct Writing<'a> {
    model: &'a Blip,
    all: Vec<u32>,
    tokens: Vec<u32>,
    told: String,
}

impl<'a> Writing<'a> {
    fn new(model: &'a Blip, prompt: &[u32]) -> Self {
        Self { model, all: prompt.to_vec(), tokens: vec![], told: model.text(prompt) }
    }

    fn add(&mut self, id: u32, logprob: Option<f32>, told: Told<'_>) {
        self.all.push(id);
        self.tokens.push(id);
        let text = self.model.text(&self.all);
        let piece = text.strip_prefix(&self.told).unwrap_or_default().to_owned();
        if text.starts_with(&self.told) {
            self.told = text;
        }
        told(id, &piece, logprob);
    }
}
