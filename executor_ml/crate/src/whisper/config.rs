//! What a folder says of its model: `config.json`, `generation_config.json` and
//! `preprocessor_config.json`, of transformers 4 and 5.

use crate::audio::{HOP, RATE};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Larger sizes are no model's.
const MOST: usize = 1 << 20;
/// Columns of a product come in so many.
const PART: usize = 32;

#[derive(Clone, Debug)]
pub struct Config {
    pub vocabulary: usize,
    pub mels: usize,
    pub hidden: usize,
    pub encoder: Half,
    pub decoder: Half,
    /// Vectors of a window: half as many as its frames.
    pub sources: usize,
    /// Tokens that the decoder can hold.
    pub targets: usize,
    pub scale: f32,
    pub generation: Generation,
    /// Layers and heads of the decoder that follow the sound: those that the files name, or all of
    /// the later half.
    pub alignment_heads: Vec<(usize, usize)>,
}

/// One of the model's two halves.
#[derive(Clone, Copy, Debug)]
pub struct Half {
    pub layers: usize,
    pub heads: usize,
    pub feed: usize,
}

/// What `generation_config.json` says, or, where it is silent, `config.json`.
#[derive(Clone, Debug, Default)]
pub struct Generation {
    pub suppressed: Vec<u32>,
    pub suppressed_at_first: Vec<u32>,
    pub most_initial_timestamp: Option<u32>,
    pub multilingual: Option<bool>,
    /// Token ids that stand behind the start, by their place.
    pub forced: Vec<(usize, Option<u32>)>,
    pub languages: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    #[serde(default = "gelu")]
    activation_function: String,
    vocab_size: usize,
    num_mel_bins: usize,
    d_model: usize,
    encoder_layers: usize,
    encoder_attention_heads: usize,
    encoder_ffn_dim: usize,
    decoder_layers: usize,
    decoder_attention_heads: usize,
    decoder_ffn_dim: usize,
    max_source_positions: usize,
    max_target_positions: usize,
    #[serde(default)]
    scale_embedding: bool,
    #[serde(flatten)]
    generation: GenerationFile,
}

fn gelu() -> String {
    "gelu".into()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct GenerationFile {
    suppress_tokens: Option<Vec<i64>>,
    begin_suppress_tokens: Option<Vec<i64>>,
    max_initial_timestamp_index: Option<u32>,
    is_multilingual: Option<bool>,
    forced_decoder_ids: Option<Vec<(usize, Option<u32>)>>,
    lang_to_id: Option<BTreeMap<String, u32>>,
    alignment_heads: Option<Vec<(usize, usize)>>,
}

/// The feature extractor; transformers 5 may have it inside `processor_config.json`.
#[derive(Deserialize)]
struct Features {
    feature_size: Option<usize>,
    hop_length: Option<usize>,
    n_fft: Option<usize>,
    sampling_rate: Option<usize>,
}

#[derive(Deserialize)]
struct Processor {
    feature_extractor: Option<Features>,
}

impl Config {
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let file: ConfigFile = read(&path)?;
        let wrong = |reason: String| Err(Error::model(&path, reason));
        for (key, value, known) in [
            ("model_type", &file.model_type, "whisper"),
            ("activation_function", &file.activation_function, "gelu"),
        ] {
            if value != known {
                return wrong(format!("{key} {value:?} is not supported; {known:?} is"));
            }
        }
        let sizes = [
            ("vocab_size", file.vocab_size),
            ("num_mel_bins", file.num_mel_bins),
            ("d_model", file.d_model),
            ("encoder_layers", file.encoder_layers),
            ("encoder_attention_heads", file.encoder_attention_heads),
            ("encoder_ffn_dim", file.encoder_ffn_dim),
            ("decoder_layers", file.decoder_layers),
            ("decoder_attention_heads", file.decoder_attention_heads),
            ("decoder_ffn_dim", file.decoder_ffn_dim),
            ("max_source_positions", file.max_source_positions),
            ("max_target_positions", file.max_target_positions),
        ];
        if let Some((key, value)) = sizes.iter().find(|(_, n)| *n == 0 || *n > MOST) {
            return wrong(format!("{key} {value} is a size that no model has"));
        }
        let heads = [file.encoder_attention_heads, file.decoder_attention_heads];
        if heads.iter().any(|n| !file.d_model.is_multiple_of(*n)) {
            return wrong(format!("{heads:?} heads do not divide {}", file.d_model));
        }
        let widths = [file.d_model, file.encoder_ffn_dim, file.decoder_ffn_dim];
        if widths.iter().any(|n| !n.is_multiple_of(PART)) {
            return wrong(format!("widths {widths:?} are not whole multiples of {PART}"));
        }
        if file.max_target_positions < 8 {
            return wrong("max_target_positions leaves no room for text".into());
        }
        features(folder, file.num_mel_bins)?;
        let own_path = folder.join("generation_config.json");
        let own: GenerationFile = optional(&own_path)?;
        let (layers, heads) = (file.decoder_layers, file.decoder_attention_heads);
        let later = || (layers / 2..layers).flat_map(|l| (0..heads).map(move |h| (l, h))).collect();
        let mut alignment_heads: Vec<(usize, usize)> =
            own.alignment_heads.clone().filter(|told| !told.is_empty()).unwrap_or_else(later);
        alignment_heads.sort_unstable();
        alignment_heads.dedup();
        if let Some((l, h)) = alignment_heads.iter().find(|(l, h)| *l >= layers || *h >= heads) {
            let reason =
                format!("alignment_heads has [{l}, {h}]: {layers} layers of {heads} heads");
            return Err(Error::model(&own_path, reason));
        }
        Ok(Self {
            alignment_heads,
            vocabulary: file.vocab_size,
            mels: file.num_mel_bins,
            hidden: file.d_model,
            encoder: Half {
                layers: file.encoder_layers,
                heads: file.encoder_attention_heads,
                feed: file.encoder_ffn_dim,
            },
            decoder: Half {
                layers: file.decoder_layers,
                heads: file.decoder_attention_heads,
                feed: file.decoder_ffn_dim,
            },
            sources: file.max_source_positions,
            targets: file.max_target_positions,
            scale: if file.scale_embedding { (file.d_model as f32).sqrt() } else { 1.0 },
            generation: generation(own, file.generation, file.vocab_size),
        })
    }

    /// Spectrogram frames of a window.
    pub fn frames(&self) -> usize {
        2 * self.sources
    }

    /// How much of the text so far a window is told, in tokens; also how much it may write.
    pub fn half_of_targets(&self) -> usize {
        self.targets / 2
    }
}

fn generation(own: GenerationFile, other: GenerationFile, vocabulary: usize) -> Generation {
    let ids = |own: Option<Vec<i64>>, other: Option<Vec<i64>>| {
        let ids = own.or(other).unwrap_or_default().into_iter();
        ids.filter_map(|id| u32::try_from(id).ok())
            .filter(|id| (*id as usize) < vocabulary)
            .collect()
    };
    Generation {
        suppressed: ids(own.suppress_tokens, other.suppress_tokens),
        suppressed_at_first: ids(own.begin_suppress_tokens, other.begin_suppress_tokens),
        most_initial_timestamp: own
            .max_initial_timestamp_index
            .or(other.max_initial_timestamp_index),
        multilingual: own.is_multilingual.or(other.is_multilingual),
        forced: own.forced_decoder_ids.or(other.forced_decoder_ids).unwrap_or_default(),
        languages: own.lang_to_id.or(other.lang_to_id).unwrap_or_default(),
    }
}

/// Refuses a spectrogram other than the one that there is.
fn features(folder: &Path, mels: usize) -> Result<()> {
    let path = folder.join("preprocessor_config.json");
    let (path, found) = match path.exists() {
        true => {
            let found: Features = read(&path)?;
            (path, Some(found))
        }
        false => {
            let path = folder.join("processor_config.json");
            let found = match path.exists() {
                true => read::<Processor>(&path)?.feature_extractor,
                false => None,
            };
            (path, found)
        }
    };
    let Some(found) = found else { return Ok(()) };
    for (key, value, known) in [
        ("feature_size", found.feature_size, mels),
        ("hop_length", found.hop_length, HOP),
        ("n_fft", found.n_fft, 400),
        ("sampling_rate", found.sampling_rate, RATE),
    ] {
        if let Some(value) = value.filter(|value| *value != known) {
            return Err(Error::model(&path, format!("{key} {value} is not supported; {known} is")));
        }
    }
    Ok(())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_slice(&text).map_err(|e| Error::model(path, e))
}

fn optional<T: DeserializeOwned + Default>(path: &Path) -> Result<T> {
    if path.exists() { read(path) } else { Ok(T::default()) }
}
