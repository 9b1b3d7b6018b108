//! Points and boxes as vectors beside those of the picture's places.

use crate::error::Result;
use crate::vision::Fields;
use crate::vision::parallel::add;
use crate::vision::weights::Weights;
use std::f32::consts::TAU;

/// What a mask is asked for, in the model's own pixels.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    /// Across and down, and whether the thing is there.
    pub points: Vec<([f64; 2], bool)>,
    /// Left, top, right, bottom.
    pub area: Option<[f64; 4]>,
}

pub struct Prompts {
    /// [2, half of a vector]
    waves: Vec<f32>,
    absent: Vec<f32>,
    present: Vec<f32>,
    corners: [Vec<f32>; 2],
    none: Vec<f32>,
    /// Added to every place of the picture, where no mask is told.
    pub unmasked: Vec<f32>,
    size: f64,
}

impl Prompts {
    pub fn read(weights: &Weights<'_>, fields: &Fields, size: usize) -> Result<Self> {
        let width = fields.count("hidden_size", 256)?;
        let own = weights.at("prompt_encoder");
        let image = weights.at("shared_image_embedding");
        let shared = own.at("shared_embedding");
        let at = if image.has("positional_embedding") { &image } else { &shared };
        let one = |name: &str| own.read(&format!("{name}.weight"), &[1, width]);
        Ok(Self {
            waves: at.read("positional_embedding", &[2, width / 2])?,
            absent: one("point_embed.0")?,
            present: one("point_embed.1")?,
            corners: [one("point_embed.2")?, one("point_embed.3")?],
            none: one("not_a_point_embed")?,
            unmasked: one("no_mask_embed")?,
            size: size as f64,
        })
    }

    /// [vectors, width] of a prompt.
    pub fn vectors(&self, prompt: &Prompt) -> Vec<f32> {
        let mut out = vec![];
        for (point, there) in &prompt.points {
            self.push(*point, if *there { &self.present } else { &self.absent }, &mut out);
        }
        match prompt.area {
            Some([left, top, right, bottom]) => {
                self.push([left, top], &self.corners[0], &mut out);
                self.push([right, bottom], &self.corners[1], &mut out);
            }
            None => out.extend(&self.none),
        }
        out
    }

    fn push(&self, [x, y]: [f64; 2], kind: &[f32], out: &mut Vec<f32>) {
        let mut vector = self.waves((x + 0.5) / self.size, (y + 0.5) / self.size);
        add(&mut vector, kind);
        out.extend(vector);
    }

    /// The vectors of all places of a square.
    pub fn places(&self, grid: usize) -> Vec<f32> {
        let along = |i: usize| (i as f64 + 0.5) / grid as f64;
        let of = |i: usize| self.waves(along(i % grid), along(i / grid));
        (0..grid * grid).flat_map(of).collect()
    }

    /// A place, of 0 to 1 across and down.
    fn waves(&self, x: f64, y: f64) -> Vec<f32> {
        let (x, y) = ((2.0 * x - 1.0) as f32, (2.0 * y - 1.0) as f32);
        let (across, down) = self.waves.split_at(self.waves.len() / 2);
        let turns = || across.iter().zip(down).map(|(a, b)| TAU * (x * a + y * b));
        turns().map(f32::sin).chain(turns().map(f32::cos)).collect()
    }
}
