//! PNG, JPEG and WebP to RGB.

use super::BadPicture;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// Bytes that a decoder may take beside the picture itself, for each of its pixels.
const WORK_PER_PIXEL: u64 = 16;

/// Rows of red, green and blue.
#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Rows of RGB as they are. None where `rgb` is not of that size, or empty.
    pub fn of_rgb(rgb: Vec<u8>, height: usize, width: usize) -> Option<Self> {
        let size = height.checked_mul(width)?.checked_mul(3)?;
        (size > 0 && size == rgb.len()).then_some(Self { width, height, rgb })
    }

    /// Decodes a file of at most `most_pixels`, upright as its EXIF data says. Transparency is
    /// dropped, as Pillow's `convert("RGB")` does.
    pub fn decode(bytes: &[u8], most_pixels: u64) -> Result<Self, BadPicture> {
        let reader = ImageReader::new(Cursor::new(bytes));
        let mut reader = reader.with_guessed_format().map_err(|e| BadPicture(e.to_string()))?;
        let format = reader.format();
        let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP];
        let Some(format) = format.filter(|f| known.contains(f)) else {
            return Err(BadPicture("a PNG, JPEG or WebP; these bytes begin as none".into()));
        };
        let broken = |e: image::ImageError| {
            BadPicture(format!("a whole {}: {e}", format.extensions_str()[0].to_uppercase()))
        };
        let mut limits = Limits::default();
        limits.max_alloc = Some(most_pixels.saturating_mul(WORK_PER_PIXEL));
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > most_pixels {
            let most = format!("{width} by {height} given, at most {most_pixels} pixels are read");
            return Err(BadPicture(most));
        }
        if !is_whole(bytes, format) {
            let name = format.extensions_str()[0].to_uppercase();
            return Err(BadPicture(format!("a whole {name}: it ends too early")));
        }
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut decoded = DynamicImage::from_decoder(decoder).map_err(broken)?;
        decoded.apply_orientation(orientation);
        let rgb = decoded.into_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        Self::of_rgb(rgb.into_raw(), height, width)
            .ok_or_else(|| BadPicture("a picture of at least one pixel".into()))
    }
}

/// Whether a file is as long as it says, where the decoder does not ask: it makes up what is missing.
fn is_whole(bytes: &[u8], format: ImageFormat) -> bool {
    match format {
        ImageFormat::Jpeg => has_end(bytes),
        ImageFormat::WebP => bytes.get(4..8).is_some_and(|size| {
            let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]);
            bytes.len() as u64 >= u64::from(size) + 8
        }),
        _ => true,
    }
}

/// Whether a JPEG's end marker follows its first scan.
fn has_end(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xda {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        // A byte of filling may stand before a marker.
        at += match marker {
            0xff => 1,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, ((x * y) % 251) as u8])
        });
        let mut out = Cursor::new(vec![]);
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    fn refusal(bytes: &[u8], most: u64) -> String {
        Picture::decode(bytes, most).err().expect("it was read").to_string()
    }

    #[test]
    fn every_format_is_read_and_none_that_is_cut_off() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
            let bytes = encoded(format);
            let picture = Picture::decode(&bytes, 1200).unwrap();
            assert_eq!((picture.width, picture.height), (40, 30));
            for length in (0..bytes.len()).step_by(bytes.len() / 23).chain([bytes.len() - 1]) {
                // Behind the pixels of a PNG are only checksums and an empty chunk.
                if format != ImageFormat::Png || length + 20 < bytes.len() {
                    let read = Picture::decode(&bytes[..length], 1200);
                    assert!(read.is_err(), "{length} of {} bytes of {format:?}", bytes.len());
                }
            }
            assert!(refusal(&bytes, 1199).contains("40 by 30 given, at most 1199 pixels"));
        }
        assert!(refusal(b"no picture at all", 1).starts_with("a PNG, JPEG or WebP"));
        assert!(refusal(b"GIF89a\x01\x00\x01\x00\x00\x00\x00", 1).starts_with("a PNG, JPEG"));
    }

    #[test]
    fn a_picture_of_a_hundred_million_pixels_is_refused_by_its_header() {
        let mut bytes = encoded(ImageFormat::Png);
        bytes[16..24].copy_from_slice(&[0, 0, 0x27, 0x10, 0, 0, 0x27, 0x10]);
        let crc = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.to_be_bytes());
        assert!(refusal(&bytes, 50_000_000).contains("10000 by 10000 given"));
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |c, _| {
                (c >> 1) ^ (0xedb8_8320 & (c & 1).wrapping_neg())
            })
        })
    }
}
