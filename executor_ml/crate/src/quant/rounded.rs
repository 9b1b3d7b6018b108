//! Vectors rounded to eight bits, thirty-two values at a time with a scale of their own.
//!
//! Written without branches, so that every machine rounds to the same bits. What is no number, or
//! infinite, makes the scale NaN, so that it is found in what comes out.

use super::format::PART;

/// Values that are multiplied with a row's four bytes of a line.
pub type Quad = [i8; 4];
/// Quads of a part.
pub const QUADS: usize = PART / 4;

/// Vectors [count, columns].
#[derive(Default)]
pub struct Rounded {
    parts: usize,
    quads: Vec<[Quad; QUADS]>,
    scales: Vec<f32>,
    sums: Vec<[i32; 2]>,
    /// -scale·sum
    minima: Vec<f32>,
}

/// One vector, by parts.
#[derive(Clone, Copy)]
pub struct Vector<'a> {
    pub quads: &'a [[Quad; QUADS]],
    pub scales: &'a [f32],
    /// Of the levels in each half of a part.
    pub sums: &'a [[i32; 2]],
    /// -scale·sum of a part: what a row's minimum is multiplied with.
    pub minima: &'a [f32],
}

impl Vector<'_> {
    /// Of the levels of a part.
    #[inline(always)]
    pub fn sum(&self, part: usize) -> i32 {
        self.sums[part][0] + self.sums[part][1]
    }
}

impl Rounded {
    /// Takes vectors of `columns` values, which are whole parts.
    pub fn set(&mut self, x: &[f32], columns: usize) {
        let all = x.len() / PART;
        self.parts = columns / PART;
        self.quads.resize(all, [[0; 4]; QUADS]);
        self.scales.resize(all, 0.0);
        self.sums.resize(all, [0; 2]);
        self.minima.resize(all, 0.0);
        for (i, part) in x.as_chunks::<PART>().0.iter().enumerate() {
            let (scale, sums) = round(part, &mut self.quads[i]);
            (self.scales[i], self.sums[i]) = (scale, sums);
            self.minima[i] = -scale * (sums[0] + sums[1]) as f32;
        }
    }

    pub fn count(&self) -> usize {
        self.scales.len() / self.parts
    }

    pub fn vector(&self, index: usize) -> Vector<'_> {
        let parts = index * self.parts..(index + 1) * self.parts;
        Vector {
            quads: &self.quads[parts.clone()],
            scales: &self.scales[parts.clone()],
            sums: &self.sums[parts.clone()],
            minima: &self.minima[parts],
        }
    }
}

/// The scale, and the sums of the levels in each half.
#[inline(always)]
fn round(values: &[f32; PART], quads: &mut [Quad; QUADS]) -> (f32, [i32; 2]) {
    const MOST: f32 = 127.0;
    // Adding 1.5·2^23 rounds to the nearest integer in the mantissa's low bits.
    const ROUND: f32 = 12_582_912.0;
    let mut largest = [0f32; 8];
    let mut nothing = [0f32; 8];
    for eight in values.as_chunks::<8>().0 {
        for j in 0..8 {
            let size = eight[j].abs();
            largest[j] = if size > largest[j] { size } else { largest[j] };
            nothing[j] += eight[j] * 0.0;
        }
    }
    let largest = largest.iter().fold(0f32, |m, x| if *x > m { *x } else { m });
    let scale = largest / MOST + nothing.iter().sum::<f32>();
    let inverse = if largest > 0.0 { MOST / largest } else { 0.0 };
    let mut sums = [0; 2];
    for (k, four) in values.as_chunks::<4>().0.iter().enumerate() {
        for j in 0..4 {
            let level = (four[j] * inverse + ROUND).to_bits() as u8 as i8;
            quads[k][j] = level;
            sums[k / (QUADS / 2)] += i32::from(level);
        }
    }
    (scale, sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_within_half_a_level() {
        let x: Vec<f32> = (0..4 * PART).map(|i| ((i * 37 % 101) as f32 - 50.0) / 7.0).collect();
        let mut rounded = Rounded::default();
        rounded.set(&x, 2 * PART);
        assert_eq!(rounded.count(), 2);
        for (v, x) in x.chunks_exact(2 * PART).enumerate() {
            let vector = rounded.vector(v);
            for (part, x) in x.chunks_exact(PART).enumerate() {
                let levels = vector.quads[part].as_flattened();
                let scale = vector.scales[part];
                assert_eq!(vector.sum(part), levels.iter().map(|l| i32::from(*l)).sum::<i32>());
                for (level, x) in levels.iter().zip(x) {
                    assert!((f32::from(*level) * scale - x).abs() <= scale * 0.5001);
                }
            }
        }
    }

    #[test]
    fn nothing_is_nothing_and_what_is_no_number_is_found() {
        let mut rounded = Rounded::default();
        rounded.set(&[0.0; PART], PART);
        assert_eq!((rounded.scales[0], rounded.sums[0]), (0.0, [0, 0]));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = [1.0; PART];
            x[9] = bad;
            rounded.set(&x, PART);
            assert!(rounded.scales[0].is_nan());
        }
    }
}
