//! A model that turns sound into text.

use super::Halt;
use super::config::Config;
use super::decoder::Decoder;
use super::encoder::Encoder;
use super::transcription::Transcription;
use super::vocabulary::{Task, Vocabulary};
use crate::audio::{Going, LogMel, Sound};
use crate::error::{Error, Result};
use crate::shards::Shards;
use crate::tensor_bytes::Source;
use std::path::Path;
use std::sync::Arc;

/// What is shared by all that a model writes.
pub struct Model {
    pub config: Config,
    pub vocabulary: Vocabulary,
    pub encoder: Encoder,
    pub decoder: Decoder,
}

pub struct Transcriber(Arc<Model>);

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// A code; None: as the model's files say, or as it is heard.
    pub language: Option<String>,
    /// None: as the model's files say.
    pub task: Option<Task>,
    pub timestamps: bool,
    /// Whether segments have their words, and are where these are.
    pub words: bool,
    /// Text that comes before.
    pub prompt: Option<String>,
    /// Whether each window is told the text so far.
    pub condition: bool,
    pub seed: u64,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            language: None,
            task: None,
            timestamps: true,
            words: false,
            prompt: None,
            condition: true,
            seed: 0,
        }
    }
}

impl Transcriber {
    /// Opens a folder as transformers saves it.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = Config::read(folder)?;
        let vocabulary = Vocabulary::read(folder, &config)?;
        let source = Shards::open(folder)?;
        // What is saved without its last product has no "model." before names.
        let prefixed = source.has("model.encoder.conv1.weight");
        let prefix = if prefixed { "model." } else { "" };
        Ok(Self(Arc::new(Model {
            encoder: Encoder::read(&source, prefix, &config)?,
            decoder: Decoder::read(&source, prefix, &config)?,
            vocabulary,
            config,
        })))
    }

    pub fn model(&self) -> &Model {
        &self.0
    }

    /// Hears a window of silence. Err where that gives no numbers.
    pub fn warm_up(&self) -> Result<()> {
        let Model { config, vocabulary, encoder, decoder } = &*self.0;
        let silence = vec![0.0; config.frames() * config.mels];
        let logits = || -> std::result::Result<Vec<f32>, Halt> {
            let sound = encoder.forward(&silence, &|| true)?;
            let mut memory = decoder.remember(&sound, &|| true)?;
            let vectors = decoder.forward(&[vocabulary.start], &mut memory);
            Ok(decoder.logits(&vectors, 0))
        };
        match logits() {
            Ok(logits) if logits.iter().all(|x| x.is_finite()) => Ok(()),
            _ => Err(Error::Numeric),
        }
    }

    /// Begins with a sound. Err(Failed) where the request does not fit the model.
    pub fn start(
        &self,
        sound: &Sound,
        request: Request,
        going: Going<'_>,
    ) -> std::result::Result<Transcription, Halt> {
        let vocabulary = &self.0.vocabulary;
        let language = match &request.language {
            Some(code) => Some(vocabulary.language(code).ok_or(Error::Parameter {
                name: "language",
                expected: "must be one that the model knows",
            })?),
            None => vocabulary.forced_language(),
        };
        let english = vocabulary.languages().next().is_none();
        if english && request.task == Some(Task::Translate) {
            let expected = "must be transcribe: the model knows English alone";
            return Err(Error::Parameter { name: "task", expected }.into());
        }
        let prompt = match request.prompt.as_deref().filter(|p| !p.trim().is_empty()) {
            Some(text) => vocabulary.prompt(text)?,
            None => Vec::new(),
        };
        if !prompt.is_empty() && vocabulary.previous.is_none() {
            let expected = "must be absent: the model takes none";
            return Err(Error::Parameter { name: "prompt", expected }.into());
        }
        let mel = LogMel::new(sound, self.0.config.mels, going)?;
        Ok(Transcription::new(Arc::clone(&self.0), mel, language, prompt, request))
    }
}
