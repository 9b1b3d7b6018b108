//! Weights, pictures and folders that golden files are about, as the scripts in tests/golden make
//! them: each names its own way of weights.
#![allow(dead_code)]

pub mod whisper;

use edgemesh_candle::picture::Picture;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The bytes of base64.
pub fn decoded(text: &str) -> Vec<u8> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u32> = text.chars().filter_map(|c| LETTERS.find(c)).map(|n| n as u32).collect();
    let bytes = bits.chunks(4).flat_map(|four| {
        let all = (0..4).fold(0, |all, i| all << 6 | four.get(i).copied().unwrap_or(0));
        all.to_be_bytes()[1..four.len()].to_vec()
    });
    bytes.collect()
}

pub fn floats(text: &str) -> Vec<f32> {
    let bytes = decoded(text);
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// As `noise` in make_decoders.py.
pub fn noise(name: &str, count: usize, scale: f32) -> Vec<f32> {
    let mut state = 2_166_136_261_u32;
    for byte in name.bytes() {
        state = (state ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 8) as f32 / (1 << 23) as f32 - 1.0) * scale
    };
    (0..count).map(|_| next()).collect()
}

/// As `weights_of` in make_models.py.
pub fn weights(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan: usize = shape.iter().skip(1).product();
    let scale = match shape.len() {
        0 | 1 => 0.3,
        _ => (2.0 * (3.0 / fan as f64).sqrt()) as f32,
    };
    let mut values = noise(name, shape.iter().product(), scale);
    if name.ends_with("running_var") {
        values.iter_mut().for_each(|x| *x = x.abs() + 0.5);
    }
    if shape.len() == 1 && name.ends_with(".weight") {
        values.iter_mut().for_each(|x| *x += 1.0);
    }
    values
}

/// As `picture` in make_vision.py.
pub fn picture((height, width): (usize, usize)) -> Picture {
    let mut rgb = vec![];
    for y in 0..height {
        for x in 0..width {
            for c in 0..3 {
                rgb.push(((x * 5 + y * 3 * (c + 1) + (x * y * (c + 3)) / 7) % 256) as u8);
            }
        }
    }
    Picture::of_rgb(rgb, height, width).unwrap()
}

pub struct Folder(pub PathBuf);

/// The values of a tensor by its name and shape.
pub type Weights = fn(&str, &[usize]) -> Vec<f32>;

impl Folder {
    pub fn empty(name: &str) -> Self {
        let id = format!("edgemesh-made-{}-{name}", std::process::id());
        let folder = Self(std::env::temp_dir().join(id));
        std::fs::create_dir_all(&folder.0).unwrap();
        folder
    }

    /// With weights of these shapes, as make_models.py has them.
    pub fn new(name: &str, tensors: &BTreeMap<String, Vec<usize>>) -> Self {
        Self::of(name, tensors, weights)
    }

    /// With weights of these shapes.
    pub fn of(name: &str, tensors: &BTreeMap<String, Vec<usize>>, weights: Weights) -> Self {
        let folder = Self::empty(name);
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, shape)| {
                let bytes = weights(name, shape).into_iter().flat_map(f32::to_le_bytes);
                (name, shape, bytes.collect())
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &folder.0.join("model.safetensors")).unwrap();
        folder
    }

    pub fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.0.join(name), value.to_string()).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// By how much they differ where they do the most; infinite where one is no number.
pub fn worst(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let off = |(x, y): (&f32, &f32)| Some((x - y).abs()).filter(|by| !by.is_nan());
    a.iter().zip(b).map(|pair| off(pair).unwrap_or(f32::INFINITY)).fold(0.0, f32::max)
}

/// Within 1e-4, of the largest where that is more than 1.
pub fn close(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let (off, most) = (worst(a, b), b.iter().fold(1.0, |m: f32, x| m.max(x.abs())));
    assert!(off < 1e-4 * most, "{what}: off by {off:e}, of {most}");
}
