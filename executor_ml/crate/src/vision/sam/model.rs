//! A folder with a SAM, a picture that it has seen, and the masks in it.

use super::decoder::Decoder;
use super::encoder::Encoder;
use super::enlarge::enlarge;
use super::prompts::{Prompt, Prompts};
use crate::audio::Going;
use crate::error::{Error, Result};
use crate::picture::{BadPicture, Picture, Preparation, Prepared};
use crate::shards::Shards;
use crate::vision::Fields;
use crate::vision::parallel::add;
use crate::vision::weights::Weights;
use crate::whisper::Halt;
use std::path::Path;

pub struct Sam {
    encoder: Encoder,
    prompts: Prompts,
    decoder: Decoder,
    preparation: Preparation,
    /// Vectors of the picture's places.
    places: Vec<f32>,
}

/// A picture that was seen: any number of prompts may follow.
pub struct Embedded {
    /// [places, width]
    pub values: Vec<f32>,
    /// Height and width as given, and as the model read it.
    from: (usize, usize),
    read: (usize, usize),
}

/// Masks of one prompt, as the model gives them.
pub struct Masks {
    pub side: usize,
    /// [masks, side, side]; above zero is the thing.
    pub values: Vec<f32>,
    /// How well each fits, as the model thinks.
    pub scores: Vec<f32>,
    /// Height and width of the picture.
    pub from: (usize, usize),
    read: (usize, usize),
    size: usize,
}

impl Sam {
    /// Opens a folder with `config.json`, the processor's file and weights.
    pub fn open(folder: &Path) -> Result<Self> {
        let fields = Fields::read(&folder.join("config.json"))?;
        let family = fields.text("model_type", "")?;
        if family != "sam" {
            return Err(fields.error(format!("{family:?} is not supported; sam is")));
        }
        let shards = Shards::open(folder)?;
        let weights = Weights::new(&shards, "", "");
        let encoder =
            Encoder::read(&weights.at("vision_encoder"), &fields.object("vision_config")?)?;
        let told = fields.object("prompt_encoder_config")?;
        let size = encoder.size;
        if told.square("image_size", 1024)? != (size, size) {
            return Err(told.error(format!("prompt_encoder_config.image_size must be {size}")));
        }
        let prompts = Prompts::read(&weights, &told, size)?;
        let decoder =
            Decoder::read(&weights.at("mask_decoder"), &fields.object("mask_decoder_config")?)?;
        let widths = [prompts.unmasked.len(), encoder.outputs, decoder.width()];
        if widths != [widths[0]; 3] {
            return Err(fields.error(format!("hidden sizes of {widths:?} must be the same")));
        }
        let preparation = Preparation::read(folder, "Sam")?;
        if preparation.output() != Some((size, size)) {
            let reason = format!("must give pictures of {size} by {size}, which the model reads");
            return Err(Error::model(&folder.join("preprocessor_config.json"), reason));
        }
        let places = prompts.places(encoder.grid);
        Ok(Self { encoder, prompts, decoder, preparation, places })
    }

    pub fn prepare(&self, picture: &Picture) -> std::result::Result<Prepared, BadPicture> {
        self.preparation.apply(picture)
    }

    /// `from`: the picture's own height and width.
    pub fn embed(
        &self,
        picture: &Prepared,
        from: (usize, usize),
        going: Going<'_>,
    ) -> std::result::Result<Embedded, Halt> {
        let values = self.encoder.forward(picture, going)?;
        Ok(Embedded { values, from, read: self.preparation.resized(from) })
    }

    /// Masks at a prompt, in the picture's own pixels: three that differ in size, or with `one`
    /// the one for all.
    pub fn masks(
        &self,
        picture: &Embedded,
        prompt: &Prompt,
        one: bool,
        going: Going<'_>,
    ) -> std::result::Result<Masks, Halt> {
        let Embedded { values, from, read } = picture;
        let (down, across) = (read.0 as f64 / from.0 as f64, read.1 as f64 / from.1 as f64);
        let scaled = Prompt {
            points: prompt
                .points
                .iter()
                .map(|([x, y], is)| ([x * across, y * down], *is))
                .collect(),
            area: prompt.area.map(|[l, t, r, b]| [l * across, t * down, r * across, b * down]),
        };
        let vectors = self.prompts.vectors(&scaled);
        let grid = self.encoder.grid;
        let unmasked = &self.prompts.unmasked;
        let mut seen = values.clone();
        seen.chunks_exact_mut(unmasked.len()).for_each(|place| add(place, unmasked));
        let (mut masks, mut scores) =
            self.decoder.forward(seen, &self.places, &vectors, grid, going)?;
        if scores.iter().chain(&masks).any(|x| !x.is_finite()) {
            return Err(Halt::Failed(Error::Numeric));
        }
        let side = 4 * grid;
        match one {
            true => {
                masks.truncate(side * side);
                scores.truncate(1);
            }
            false => {
                masks.drain(..side * side);
                scores.remove(0);
            }
        }
        let size = self.encoder.size;
        Ok(Masks { side, values: masks, scores, from: *from, read: *read, size })
    }
}

impl Masks {
    /// Mask `i` in the picture's own pixels, one byte each, into `out`: 1 where the thing is.
    ///
    /// Panics where there is no such mask, or `out` has another size.
    pub fn write(&self, i: usize, out: &mut [u8]) {
        assert_eq!(out.len(), self.from.0 * self.from.1);
        let area = self.side * self.side;
        let map = &self.values[i * area..][..area];
        let (side, size) = ((self.side, self.side), (self.size, self.size));
        let mut read = Vec::with_capacity(self.read.0 * self.read.1);
        enlarge(map, side, size, self.read, |_, row| read.extend_from_slice(row));
        let width = self.from.1;
        enlarge(&read, self.read, self.from, self.from, |y, row| {
            let to = &mut out[y * width..][..width];
            to.iter_mut().zip(row).for_each(|(to, x)| *to = u8::from(*x > 0.0));
        });
    }
}
