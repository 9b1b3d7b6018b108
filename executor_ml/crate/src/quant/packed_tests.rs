//! Every type on every machine, against candle's dequantised weights.

use super::super::machine::Portable;
#[cfg(target_arch = "x86_64")]
use super::super::machine::{Avx2, Avx512Vnni, AvxVnni};
use super::*;
use candle_core::quantized::QTensor;
use candle_core::{Device, Tensor};

const COUNTS: [usize; 7] = [1, 2, 3, 4, 8, 9, 17];

fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

type Products = Vec<(&'static str, Vec<[f32; ROWS]>)>;

/// On every machine that there is here.
fn products<P: Packing>(matrix: &PackedMatrix, x: &Rounded) -> Products {
    let (lines, group) = (matrix.lines.get(), matrix.group);
    let empty = || vec![[f32::NAN; ROWS]; matrix.groups() * x.count()];
    let mut all = Vec::new();
    macro_rules! on {
        ($name:literal, $machine:expr) => {
            if let Some(machine) = $machine {
                let mut out = empty();
                let packing = PhantomData::<P>;
                machine.run(Groups { lines, group, x, out: &mut out, packing });
                all.push(($name, out));
            }
        };
    }
    on!("portable", Some(Portable));
    #[cfg(target_arch = "x86_64")]
    {
        on!("avx2", Avx2::here());
        on!("avx-vnni", AvxVnni::here());
        on!("avx512-vnni", Avx512Vnni::here());
    }
    all
}

fn check<P: Packing>(dtype: GgmlDType) {
    let unit = P::PARTS * PART;
    for (rows, columns) in [(1, unit), (16, 2 * unit), (35, 3 * unit)] {
        let weights = Tensor::from_vec(noise(rows * columns, 1), (rows, columns), &Device::Cpu);
        let quantised = QTensor::quantize(&weights.unwrap(), dtype).unwrap();
        let exact = quantised.dequantize(&Device::Cpu).unwrap().flatten_all().unwrap();
        let exact: Vec<f32> = exact.to_vec1().unwrap();
        let matrix =
            PackedMatrix::of::<P>(&quantised.data().unwrap(), rows, columns).unwrap().unwrap();
        let x = noise(17 * columns, 2);
        let mut rounded = Rounded::default();
        rounded.set(&x[..columns], columns);
        let (_, alone) = products::<P>(&matrix, &rounded).remove(0);
        for count in COUNTS {
            rounded.set(&x[..count * columns], columns);
            for (name, out) in products::<P>(&matrix, &rounded) {
                for (group, alone) in out.chunks_exact(count).zip(&alone) {
                    assert_eq!(&group[0], alone, "{name} {dtype:?}: {count} vectors");
                }
                for (r, row) in exact.chunks_exact(columns).enumerate() {
                    for v in 0..count {
                        let dot = expected(row, &rounded.vector(v));
                        let got = f64::from(out[r / ROWS * count + v][r % ROWS]);
                        let off = (got - dot).abs();
                        assert!(off < 1e-4, "{name} {dtype:?}: {got}, not {dot}");
                    }
                }
            }
        }
    }
}

/// The exact product with what the levels stand for.
fn expected(row: &[f32], x: &Vector<'_>) -> f64 {
    let levels = x.quads.as_flattened().as_flattened();
    let scales = x.scales.iter().flat_map(|scale| [f64::from(*scale); PART]);
    let x = levels.iter().zip(scales).map(|(level, scale)| f64::from(*level) * scale);
    row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum()
}

#[test]
fn blocks_of_thirty_two() {
    check::<Q8_0>(GgmlDType::Q8_0);
}

#[test]
fn super_blocks() {
    check::<Q4K>(GgmlDType::Q4K);
    check::<Q5K>(GgmlDType::Q5K);
    check::<Q6K>(GgmlDType::Q6K);
}

/// Levels at both ends, where sixteen bits of a sum would overflow.
#[test]
fn the_largest_values() {
    let block = [&[0, 0x3c][..], &[0x80; 32], &[0, 0x3c], &[0x7f; 32]].concat();
    let matrix = PackedMatrix::of::<Q8_0>(&block, 1, 64).unwrap().unwrap();
    let mut rounded = Rounded::default();
    for x in [1.0, -1.0] {
        rounded.set(&[x; 64], 64);
        for (name, out) in products::<Q8_0>(&matrix, &rounded) {
            assert!((out[0][0] + 32.0 * x).abs() < 1e-3, "{name}: {}", out[0][0]);
        }
    }
}

#[test]
fn what_is_no_number_is_found() {
    let matrix = PackedMatrix::of::<Q8_0>(&[1; 68], 1, 64).unwrap().unwrap();
    let mut x = [1.0; 64];
    x[5] = f32::NAN;
    let mut rounded = Rounded::default();
    rounded.set(&x, 64);
    for (_, out) in products::<Q8_0>(&matrix, &rounded) {
        assert!(out[0][0].is_nan());
    }
}
