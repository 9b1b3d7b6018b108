//! A picture as RGB, from PNG, JPEG or WebP bytes or from plain pixels.
//!
//! Bytes are untrusted: the size that the header tells is looked at before anything is decoded. A
//! photograph is turned upright, as its EXIF orientation says; alpha is dropped.

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use std::io::Cursor;

/// What was expected instead of these bytes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

#[derive(Clone)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Rows of pixels of three bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Reads an encoded picture of at most `most_pixels`.
    pub fn decode(bytes: &[u8], most_pixels: usize) -> Result<Self, Unreadable> {
        let expected = "a PNG, JPEG or WebP image";
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| Unreadable(format!("{expected}: {e}")))?;
        let format = reader.format().ok_or_else(|| Unreadable(expected.to_owned()))?;
        if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP) {
            return Err(Unreadable(expected.to_owned()));
        }
        let whole = |e: image::ImageError| Unreadable(format!("{expected}, whole and valid: {e}"));
        let mut limits = Limits::default();
        // Sixteen bits of four channels, and the decoder's own copy.
        limits.max_alloc = Some((most_pixels as u64).saturating_mul(16).max(1 << 20));
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(whole)?;
        let (width, height) = decoder.dimensions();
        Self::check(width as usize, height as usize, most_pixels)?;
        let orientation = decoder.orientation().map_err(whole)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(whole)?;
        image.apply_orientation(orientation);
        let rgb = image.into_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        Ok(Self { width, height, rgb: rgb.into_raw() })
    }

    /// A picture of plain pixels.
    pub fn plain(
        rgb: Vec<u8>,
        height: usize,
        width: usize,
        most_pixels: usize,
    ) -> Result<Self, Unreadable> {
        Self::check(width, height, most_pixels)?;
        match rgb.len() == width * height * 3 {
            true => Ok(Self { width, height, rgb }),
            false => Err(Unreadable(format!("{} bytes", width * height * 3))),
        }
    }

    fn check(width: usize, height: usize, most: usize) -> Result<(), Unreadable> {
        match width.checked_mul(height) {
            Some(0) => Err(Unreadable("an image of one pixel or more".to_owned())),
            Some(pixels) if pixels <= most => Ok(()),
            _ => Err(Unreadable(format!("at most {most} pixels, not {width} x {height}"))),
        }
    }

    /// As a PNG.
    pub fn png(&self) -> Result<Vec<u8>, Unreadable> {
        use image::ImageEncoder;
        let mut out = Vec::new();
        image::codecs::png::PngEncoder::new(&mut out)
            .write_image(
                &self.rgb,
                self.width as u32,
                self.height as u32,
                image::ExtendedColorType::Rgb8,
            )
            .map_err(|e| Unreadable(e.to_string()))?;
        Ok(out)
    }
}
