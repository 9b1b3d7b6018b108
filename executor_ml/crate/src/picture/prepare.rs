//! What a model's `preprocessor_config.json` says of pictures: resize, crop, rescale, normalise.
//!
//! The rules are those of transformers' processors on Pillow, with the names and values of its
//! versions 4 and 5, and the older ones of feature extractors (`size: 224`).

use super::{BadPicture, Filter, Picture, resize};
use crate::error::Result;
use crate::fields::Fields;
use serde_json::Value;
use std::path::Path;

/// Sides that no model reads, and pixels that no resized picture has.
const MOST_SIDE: usize = 4096;
const MOST_PIXELS: usize = 50_000_000;

/// Rows of pixels with their channels side by side, as a model reads them.
pub struct Prepared {
    pub height: usize,
    pub width: usize,
    pub values: Vec<f32>,
}

impl Prepared {
    fn filled(self, to: (usize, usize)) -> Self {
        let mut values = vec![0.0; to.0 * to.1 * 3];
        let rows = values.chunks_exact_mut(to.1 * 3).zip(self.values.chunks_exact(self.width * 3));
        rows.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
        Self { height: to.0, width: to.1, values }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Size {
    Exact(usize, usize),
    Shortest(usize),
    Longest(usize),
    /// The shortest edge by ConvNeXT's rule: larger by what is then cropped.
    Cropped(usize, f64),
}

/// Which defaults stand where the file says nothing.
struct Kind {
    name: &'static str,
    size: Size,
    filter: Filter,
    crop: Option<usize>,
    mean: [f64; 3],
    std: [f64; 3],
}

const HALF: [f64; 3] = [0.5; 3];
const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];
const CLIP_MEAN: [f64; 3] = [0.481_454_66, 0.457_827_5, 0.408_210_73];
const CLIP_STD: [f64; 3] = [0.268_629_54, 0.261_302_58, 0.275_777_11];

#[rustfmt::skip]
const KINDS: [Kind; 10] = [
    Kind { name: "ViT", size: Size::Exact(224, 224), filter: Filter::Bilinear, crop: None, mean: HALF, std: HALF },
    Kind { name: "Bit", size: Size::Shortest(224), filter: Filter::Bicubic, crop: Some(224), mean: CLIP_MEAN, std: CLIP_STD },
    Kind { name: "ConvNext", size: Size::Cropped(384, 0.875), filter: Filter::Bilinear, crop: None, mean: HALF, std: HALF },
    Kind { name: "EfficientNet", size: Size::Exact(346, 346), filter: Filter::Nearest, crop: None, mean: HALF, std: HALF },
    Kind { name: "MobileNetV1", size: Size::Shortest(256), filter: Filter::Bilinear, crop: Some(224), mean: HALF, std: HALF },
    Kind { name: "MobileNetV2", size: Size::Shortest(256), filter: Filter::Bilinear, crop: Some(224), mean: HALF, std: HALF },
    Kind { name: "CLIP", size: Size::Shortest(224), filter: Filter::Bicubic, crop: Some(224), mean: CLIP_MEAN, std: CLIP_STD },
    Kind { name: "Blip", size: Size::Exact(384, 384), filter: Filter::Bicubic, crop: None, mean: CLIP_MEAN, std: CLIP_STD },
    Kind { name: "Sam", size: Size::Longest(1024), filter: Filter::Bilinear, crop: None, mean: IMAGENET_MEAN, std: IMAGENET_STD },
    Kind { name: "Siglip", size: Size::Exact(224, 224), filter: Filter::Bicubic, crop: None, mean: HALF, std: HALF },
];

pub struct Preparation {
    resize: Option<(Size, Filter)>,
    crop: Option<(usize, usize)>,
    /// Height and width that zeros fill a picture up to, on the right and below.
    pad: Option<(usize, usize)>,
    /// What each value of a byte becomes, by channel.
    tables: [[f32; 256]; 3],
}

impl Preparation {
    /// Reads `preprocessor_config.json`, or a processor's file that has it inside; `kind` where
    /// neither names one.
    pub fn read(folder: &Path, kind: &str) -> Result<Self> {
        let path = folder.join("preprocessor_config.json");
        let fields = match path.exists() {
            true => Fields::read(&path)?,
            false => {
                Fields::read(&folder.join("processor_config.json"))?.object("image_processor")?
            }
        };
        let kind = told(&fields, kind)?;
        let size = size(&fields, kind)?;
        let filter = match fields.get("resample") {
            None => kind.filter,
            Some(number) => number
                .as_u64()
                .and_then(Filter::numbered)
                .ok_or_else(|| fields.error(format!("resample {number} is none of Pillow's")))?,
        };
        let crops = fields.flag("do_center_crop", kind.crop.is_some())?;
        let crop = match (crops, size) {
            (_, Size::Cropped(edge, _)) if edge < 384 => Some((edge, edge)),
            (true, _) => Some(match pair(&fields, "crop_size")? {
                Some(Size::Exact(height, width)) => (height, width),
                Some(Size::Shortest(edge)) => (edge, edge),
                _ => kind
                    .crop
                    .map(|edge| (edge, edge))
                    .ok_or_else(|| fields.error("crop_size is missing"))?,
            }),
            _ => None,
        };
        let resizes = fields.flag("do_resize", true)?;
        let tables = tables(&fields, kind)?;
        let fills = matches!(kind.size, Size::Longest(_));
        let pad = match fills && fields.flag("do_pad", true)? {
            true => match (pair(&fields, "pad_size")?, size) {
                (Some(Size::Exact(height, width)), _) => Some((height, width)),
                (Some(Size::Shortest(edge)), _) | (None, Size::Longest(edge)) => Some((edge, edge)),
                _ => return Err(fields.error("pad_size must have height and width")),
            },
            false => None,
        };
        Ok(Self { resize: resizes.then_some((size, filter)), crop, pad, tables })
    }

    /// Height and width of what it gives, where they are the same for all pictures.
    pub fn output(&self) -> Option<(usize, usize)> {
        self.pad.or(self.crop).or(match self.resize {
            Some((Size::Exact(height, width), _)) => Some((height, width)),
            Some((Size::Cropped(edge, _), _)) => Some((edge, edge)),
            _ => None,
        })
    }

    pub fn apply(&self, picture: &Picture) -> std::result::Result<Prepared, BadPicture> {
        let from = (picture.height, picture.width);
        let mut size = from;
        let mut rgb = None;
        if let Some((wanted, filter)) = self.resize {
            size = wanted.of(from);
            if size.0.saturating_mul(size.1) > MOST_PIXELS {
                let (height, width) = from;
                let reason = format!("a picture less narrow than {width} by {height}");
                return Err(BadPicture(reason));
            }
            rgb = Some(resize(&picture.rgb, from, size, filter));
        }
        let rgb = rgb.as_deref().unwrap_or(&picture.rgb);
        let cut = self.crop.unwrap_or(size);
        let made = self.normalised(rgb, size, cut);
        match self.pad {
            Some(to) if to.0 < cut.0 || to.1 < cut.1 => {
                let (height, width) = to;
                Err(BadPicture(format!("a picture that fits {width} by {height} when resized")))
            }
            Some(to) => Ok(made.filled(to)),
            None => Ok(made),
        }
    }

    /// Height and width that a picture of a size has before it is filled up.
    pub fn resized(&self, from: (usize, usize)) -> (usize, usize) {
        self.crop.unwrap_or_else(|| self.resize.map_or(from, |(wanted, _)| wanted.of(from)))
    }

    /// The middle of a picture; what it does not have is black.
    fn normalised(&self, rgb: &[u8], from: (usize, usize), to: (usize, usize)) -> Prepared {
        let (rows, columns) = (places(from.0, to.0), places(from.1, to.1));
        let mut values = Vec::with_capacity(to.0 * to.1 * 3);
        for row in &rows {
            for column in &columns {
                let pixel = match (row, column) {
                    (Some(row), Some(column)) => {
                        let at = (row * from.1 + column) * 3;
                        [rgb[at], rgb[at + 1], rgb[at + 2]]
                    }
                    _ => [0; 3],
                };
                let numbers = pixel.iter().zip(&self.tables);
                values.extend(numbers.map(|(value, table)| table[usize::from(*value)]));
            }
        }
        Prepared { height: to.0, width: to.1, values }
    }
}

/// Which of `from` places each of `to` comes from, in the middle, as `center_crop` has it.
fn places(from: usize, to: usize) -> Vec<Option<usize>> {
    match from >= to {
        true => (0..to).map(|i| Some((from - to) / 2 + i)).collect(),
        false => {
            let (before, new) = ((to - from).div_ceil(2), to);
            // The crop starts at ⌊(from − to)/2⌋, which is −before, and is moved by it.
            (0..new).map(|i| i.checked_sub(before).filter(|i| *i < from)).collect()
        }
    }
}

impl Size {
    fn of(self, (height, width): (usize, usize)) -> (usize, usize) {
        let edge = match self {
            Self::Exact(height, width) => return (height, width),
            Self::Cropped(edge, _) if edge >= 384 => return (edge, edge),
            Self::Cropped(edge, part) => (edge as f64 / part) as usize,
            Self::Shortest(edge) => edge,
            Self::Longest(edge) => {
                let scale = edge as f64 / height.max(width) as f64;
                let side = |side: usize| ((side as f64 * scale + 0.5) as usize).max(1);
                return (side(height), side(width));
            }
        };
        let (short, long) = (height.min(width), height.max(width));
        let other = ((edge * long) as f64 / short as f64) as usize;
        if width <= height { (other, edge) } else { (edge, other) }
    }
}

fn told<'a>(fields: &Fields, kind: &'a str) -> Result<&'a Kind> {
    let named = fields.text("image_processor_type", "")?;
    let named = match named.as_str() {
        "" => fields.text("feature_extractor_type", kind)?,
        _ => named,
    };
    let mut name = named.as_str();
    for end in ["Fast", "Pil", "ImageProcessor", "FeatureExtractor"] {
        name = name.strip_suffix(end).unwrap_or(name);
    }
    let known = KINDS.iter().find(|kind| kind.name.eq_ignore_ascii_case(name));
    known.ok_or_else(|| {
        let names: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        fields.error(format!(
            "{named:?} is not supported; ImageProcessors of {} are",
            names.join(", ")
        ))
    })
}

fn size(fields: &Fields, kind: &Kind) -> Result<Size> {
    let given = pair(fields, "size")?;
    let part = fields.float("crop_pct", 0.875)?;
    if !(part > 0.0 && part <= 1.0) {
        return Err(fields.error(format!("crop_pct {part} is not between 0 and 1")));
    }
    Ok(match (given, kind.size) {
        (None, Size::Cropped(edge, _)) => Size::Cropped(edge, part),
        (None, size) => size,
        (Some(Size::Shortest(edge)), Size::Exact(..))
            if fields.get("size").is_some_and(Value::is_number) =>
        {
            Size::Exact(edge, edge)
        }
        (Some(Size::Shortest(edge)), Size::Longest(_)) => Size::Longest(edge),
        (Some(size @ Size::Longest(_)), Size::Longest(_)) => size,
        (Some(Size::Longest(_)), _) => {
            return Err(fields.error("size has longest_edge, expected shortest_edge or both sides"));
        }
        (Some(Size::Shortest(edge)), Size::Cropped(..)) => Size::Cropped(edge, part),
        (Some(_), Size::Cropped(..)) => return Err(fields.error("size must have shortest_edge")),
        (Some(size), _) => size,
    })
}

/// A size as a number, or as an object of `height` and `width`, or of `shortest_edge`.
fn pair(fields: &Fields, key: &str) -> Result<Option<Size>> {
    let side = |value: usize| match value {
        1..=MOST_SIDE => Ok(value),
        _ => Err(fields.error(format!("{key} of {value}, expected 1 to {MOST_SIDE}"))),
    };
    match fields.get(key) {
        None => Ok(None),
        Some(Value::Object(_)) => {
            let inside = fields.object(key)?;
            if let (Some(_), None) = (inside.get("longest_edge"), inside.get("shortest_edge")) {
                return Ok(Some(Size::Longest(side(inside.count("longest_edge", 0)?)?)));
            }
            if inside.get("shortest_edge").is_some() && inside.get("longest_edge").is_none() {
                return Ok(Some(Size::Shortest(side(inside.count("shortest_edge", 0)?)?)));
            }
            let (height, width) = (inside.count("height", 0)?, inside.count("width", 0)?);
            Ok(Some(Size::Exact(side(height)?, side(width)?)))
        }
        Some(_) => Ok(Some(Size::Shortest(side(fields.count(key, 0)?)?))),
    }
}

fn tables(fields: &Fields, kind: &Kind) -> Result<[[f32; 256]; 3]> {
    let scale = match fields.flag("do_rescale", true)? {
        true => fields.float("rescale_factor", 1.0 / 255.0)?,
        false => 1.0,
    };
    let efficient = kind.name == "EfficientNet";
    let offset = if efficient && fields.flag("rescale_offset", false)? { 1.0 } else { 0.0 };
    let again = efficient && fields.flag("include_top", true)?;
    let normalises = fields.flag("do_normalize", true)?;
    let (mean, std) =
        (three(fields, "image_mean", kind.mean)?, three(fields, "image_std", kind.std)?);
    let mut tables = [[0.0; 256]; 3];
    for (channel, table) in tables.iter_mut().enumerate() {
        let (mean, std) = (mean[channel] as f32, std[channel] as f32);
        for (value, to) in table.iter_mut().enumerate() {
            let mut x = (value as f64 * scale) as f32 - offset;
            if normalises {
                x = (x - mean) / std;
            }
            *to = if again { x / std } else { x };
        }
    }
    match tables.iter().flatten().all(|x| x.is_finite()) {
        true => Ok(tables),
        false => Err(fields.error("image_std and rescale_factor give what are no numbers")),
    }
}

/// A number for each channel, or one for all.
fn three(fields: &Fields, key: &str, default: [f64; 3]) -> Result<[f64; 3]> {
    let numbers: Option<Vec<f64>> = match fields.get(key) {
        None => return Ok(default),
        Some(Value::Array(all)) => all.iter().map(Value::as_f64).collect(),
        Some(one) => one.as_f64().map(|x| vec![x; 3]),
    };
    let numbers = numbers.and_then(|n| <[f64; 3]>::try_from(n).ok());
    numbers.ok_or_else(|| fields.error(format!("{key} must be three numbers")))
}
