//! Every kernel against candle's dequantised weights.

use super::format::{self, BLOCK, Format, Multiply, Q4_0, Q4_1, Q8_0};
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
    for (rows, columns) in [(1, 32), (3, 64), (4, 576), (9, 96), (64, 256)] {
        let weights = Tensor::from_vec(noise(rows * columns, 1), (rows, columns), &Device::Cpu);
        let quantised = QTensor::quantize(&weights.unwrap(), dtype).unwrap();
        let blocks = quantised.data().unwrap();
        let expected: Vec<f32> = quantised
            .dequantize(&Device::Cpu)
            .and_then(|t| t.flatten_all())
            .and_then(|t| t.to_vec1())
            .unwrap();
        let mut values = vec![0.0; rows * columns];
        format::dequantise::<F>(&blocks, &mut values);
        for (a, b) in values.iter().zip(&expected) {
            assert!((a - b).abs() < 1e-6);
        }
        let x = noise(columns, 2);
        let sums: Vec<f32> = x.chunks_exact(BLOCK).map(|b| b.iter().sum()).collect();
        for (name, multiply) in kernels::<F>() {
            let mut out = vec![0.0; rows];
            multiply(&blocks, &x, &sums, &mut out);
            for (row, result) in expected.chunks_exact(columns).zip(&out) {
                let dot: f64 = row.iter().zip(&x).map(|(a, b)| f64::from(a * b)).sum();
                let error = (f64::from(*result) - dot).abs();
                assert!(error < 1e-4, "{name} {dtype:?} [{rows}, {columns}]: off by {error:e}");
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn kernels<F: Format>() -> Vec<(&'static str, Multiply)> {
    super::x86::kernels::all::<F>()
}

#[cfg(not(target_arch = "x86_64"))]
fn kernels<F: Format>() -> Vec<(&'static str, Multiply)> {
    vec![("portable", format::multiply::<F>)]
}

#[test]
fn q4_0() {
    check::<Q4_0>(GgmlDType::Q4_0);
}

#[test]
fn q4_1() {
    check::<Q4_1>(GgmlDType::Q4_1);
}

#[test]
fn q8_0() {
    check::<Q8_0>(GgmlDType::Q8_0);
}
