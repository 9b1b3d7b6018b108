//! RGB to PNG.

use super::{BadPicture, Picture};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

impl Picture {
    /// As a PNG. An error where a side is longer than a PNG's may be.
    pub fn png(&self) -> Result<Vec<u8>, BadPicture> {
        let side = |n: usize| u32::try_from(n).map_err(|e| BadPicture(e.to_string()));
        let (width, height) = (side(self.width)?, side(self.height)?);
        let mut out = Vec::new();
        PngEncoder::new(&mut out)
            .write_image(&self.rgb, width, height, ExtendedColorType::Rgb8)
            .map_err(|e| BadPicture(e.to_string()))?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let rgb: Vec<u8> = (0..30 * 20 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let png = Picture::of_rgb(rgb.clone(), 20, 30).unwrap().png().unwrap();
        let back = Picture::decode(&png, 1 << 20).unwrap();
        assert_eq!((back.height, back.width), (20, 30));
        assert_eq!(back.rgb, rgb);
    }
}
