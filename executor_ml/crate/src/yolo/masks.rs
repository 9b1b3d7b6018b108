//! A thing's mask in the picture's own size.

use super::letterbox::Letterbox;

/// Prototypes are a quarter of the network's picture.
const SCALE: f32 = 4.0;

/// Masks that every thing's mask is a sum of.
pub struct Prototypes {
    pub values: Vec<f32>,
    /// Channels, height, width.
    pub shape: [usize; 3],
}

/// Writes 1 where the thing is into `out` [height, width], which is 0 everywhere: the weighted sum
/// of the prototypes, sampled between its places, where it is above 0 and within the box.
pub fn mask(
    prototypes: &Prototypes,
    coefficients: &[f32],
    letterbox: &Letterbox,
    place: &[f32; 4],
    out: &mut [u8],
) {
    let [_, rows, columns] = prototypes.shape;
    let mut sum = vec![0.0_f32; rows * columns];
    for (channel, factor) in prototypes.values.chunks_exact(rows * columns).zip(coefficients) {
        sum.iter_mut().zip(channel).for_each(|(s, c)| *s += factor * c);
    }
    let [height, width] = letterbox.from;
    let across = taps(letterbox, 1, width, columns);
    let down = taps(letterbox, 0, height, rows);
    let range = |low: f32, high: f32, most: usize| {
        let start = (low.ceil().max(0.0) as usize).min(most);
        start..(high.ceil().max(0.0) as usize).clamp(start, most)
    };
    for y in range(place[1], place[3], height) {
        let (above, below, v) = down[y];
        for x in range(place[0], place[2], width) {
            let (left, right, u) = across[x];
            let between =
                |row: usize| sum[row * columns + left] * (1.0 - u) + sum[row * columns + right] * u;
            let value = between(above) * (1.0 - v) + between(below) * v;
            out[y * width + x] = u8::from(value > 0.0);
        }
    }
}

/// Of each row or column of the picture, the two of the prototypes that it lies between.
fn taps(letterbox: &Letterbox, axis: usize, count: usize, most: usize) -> Vec<(usize, usize, f32)> {
    let scale = letterbox.inner[axis] as f32 / letterbox.from[axis] as f32;
    let tap = |i: usize| {
        let there = (i as f32 + 0.5) * scale + letterbox.before[axis] as f32;
        let place = (there / SCALE - 0.5).clamp(0.0, most.saturating_sub(1) as f32);
        let first = place as usize;
        (first, (first + 1).min(most.saturating_sub(1)), place - first as f32)
    };
    (0..count).map(tap).collect()
}
