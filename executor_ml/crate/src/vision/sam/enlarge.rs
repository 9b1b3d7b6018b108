//! Masks at a picture's own size: between their places, as torch's bilinear `interpolate` has it.

/// Which two of `from` places each of `to` is made of, and how much of the second.
fn along(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f32 / to as f32;
    let of = |i: usize| {
        let place = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
        let low = (place as usize).min(from - 1);
        (low, (low + 1).min(from - 1), place - low as f32)
    };
    (0..to).map(of).collect()
}

/// A map of height and width `from` at the first `keep` rows and columns of size `to`, row by row:
/// a large picture's mask is never held in floats.
pub fn enlarge(
    map: &[f32],
    from: (usize, usize),
    to: (usize, usize),
    keep: (usize, usize),
    mut each: impl FnMut(usize, &[f32]),
) {
    let (down, across) = (along(from.0, to.0), along(from.1, to.1));
    let mut line = vec![0.0; keep.1];
    for (y, (top, bottom, low)) in down[..keep.0].iter().enumerate() {
        let row = |y: usize| &map[y * from.1..][..from.1];
        let (above, below) = (row(*top), row(*bottom));
        for (to, (left, right, t)) in line.iter_mut().zip(&across) {
            let between = |row: &[f32]| (1.0 - t) * row[*left] + t * row[*right];
            *to = (1.0 - low) * between(above) + low * between(below);
        }
        each(y, &line);
    }
}
