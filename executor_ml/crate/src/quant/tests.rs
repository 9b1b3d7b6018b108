//! Every format and every level against candle's dequantised weights.

use super::format::{BF16, F16, F32, Format, Q4_0, Q4_1, Q8_0};
use super::k_quants::{Q4K, Q5K, Q6K};
use super::product::{dequantise, levels};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

fn noise(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn check<F: Format>(dtype: GgmlDType) {
    let block = dtype.block_size();
    for (rows, width) in [(1, 32), (3, 64), (4, 576), (9, 96), (64, 256)] {
        let columns = usize::div_ceil(width, block) * block;
        let weights = Tensor::from_vec(noise(rows * columns, 1), (rows, columns), &Device::Cpu);
        let quantised = QTensor::quantize(&weights.unwrap(), dtype).unwrap();
        let blocks = quantised.data().unwrap();
        let expected: Vec<f32> = quantised
            .dequantize(&Device::Cpu)
            .and_then(|t| t.flatten_all())
            .and_then(|t| t.to_vec1())
            .unwrap();
        let mut values = vec![0.0; rows * columns];
        dequantise::<F>(&blocks, &mut values);
        for (a, b) in values.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-6);
        }
        let x = noise(11 * columns, 2);
        for (name, multiply) in levels::multiply::<F>() {
            let mut alone = vec![0.0; rows];
            multiply(&blocks, &x[..columns], columns, &mut alone);
            for count in [1, 2, 3, 4, 8, 11] {
                let mut out = vec![0.0; rows * count];
                multiply(&blocks, &x[..count * columns], columns, &mut out);
                for (r, row) in expected.chunks_exact(columns).enumerate() {
                    assert_eq!(out[r * count], alone[r], "{name} {dtype:?}: {count} vectors");
                    for (v, x) in x.chunks_exact(columns).take(count).enumerate() {
                        let dot: f64 = row.iter().zip(x).map(|(a, b)| f64::from(a * b)).sum();
                        let error = (f64::from(out[r * count + v]) - dot).abs();
                        assert!(
                            error < 2e-4,
                            "{name} {dtype:?} {rows}×{columns}: off by {error:e}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_of_thirty_two() {
    check::<Q4_0>(GgmlDType::Q4_0);
    check::<Q4_1>(GgmlDType::Q4_1);
    check::<Q8_0>(GgmlDType::Q8_0);
}

#[test]
fn super_blocks() {
    check::<Q4K>(GgmlDType::Q4K);
    check::<Q5K>(GgmlDType::Q5K);
    check::<Q6K>(GgmlDType::Q6K);
}

#[test]
fn plain_values() {
    check::<F32>(GgmlDType::F32);
    check::<F16>(GgmlDType::F16);
    check::<BF16>(GgmlDType::BF16);
}
