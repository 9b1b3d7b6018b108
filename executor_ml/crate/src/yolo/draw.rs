//! What was found, drawn into a copy of the picture: boxes, masks and keypoints in their class's
//! colour. No text: who has the numbers can write them better.

use super::detector::Found;
use crate::picture::Picture;

pub fn draw(picture: &Picture, found: &Found) -> Picture {
    let mut out = picture.clone();
    let thick = (picture.width.max(picture.height) / 300).max(2);
    // The likeliest is drawn last, above the others.
    for i in (0..found.boxes.len()).rev() {
        let colour = colour(found.classes[i]);
        if found.prototypes.is_some() {
            let mut mask = vec![0; picture.width * picture.height];
            found.mask(i, &mut mask);
            for (pixel, _) in out.rgb.chunks_exact_mut(3).zip(mask).filter(|(_, m)| *m == 1) {
                pixel.iter_mut().zip(colour).for_each(|(p, c)| *p = p.midpoint(c));
            }
        }
        let [left, top, right, bottom] = found.boxes[i].map(|side| side.round() as usize);
        let (inner_right, inner_bottom) =
            (right.saturating_sub(thick), bottom.saturating_sub(thick));
        fill(&mut out, left, top, right, top + thick, colour);
        fill(&mut out, left, inner_bottom, right, bottom, colour);
        fill(&mut out, left, top, left + thick, bottom, colour);
        fill(&mut out, inner_right, top, right, bottom, colour);
        for [x, y, score] in found.keypoints.get(i).into_iter().flatten() {
            if *score >= 0.5 && *x >= 0.0 && *y >= 0.0 {
                let (x, y) = (*x as usize, *y as usize);
                let corner = (x.saturating_sub(thick), y.saturating_sub(thick));
                fill(&mut out, corner.0, corner.1, x + thick, y + thick, colour);
            }
        }
    }
    out
}

fn fill(
    picture: &mut Picture,
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
    colour: [u8; 3],
) {
    let (right, bottom) = (right.min(picture.width), bottom.min(picture.height));
    for y in top..bottom {
        for x in left..right {
            picture.rgb[(y * picture.width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }
}

/// Strong colours, as far apart as may be for classes that follow each other.
fn colour(class: usize) -> [u8; 3] {
    let hue = (class as f32 * 0.618_034).fract() * 6.0;
    [5.0_f32, 3.0, 1.0].map(|n| {
        let k = (n + hue) % 6.0;
        (255.0 * (1.0 - k.min(4.0 - k).clamp(0.0, 1.0) * 0.9)) as u8
    })
}
