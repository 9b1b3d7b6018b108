//! Elementwise arithmetic on rows, written so that the compiler vectorises it: no branches, fixed
//! lanes, polynomials instead of libm.
//!
//! Accuracy: `exp` 2 ulp (Cephes `expf`), `gelu` 3e-7 absolute (erf by Abramowitz and Stegun
//! 7.1.26, whose error is 1.5e-7).

const LANES: usize = 16;

/// a·b + c, fused where that is an instruction and not a library call.
#[inline(always)]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        a * b + c
    }
}

/// e^x for x clamped to [-87, 88].
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5·2^23 rounds to the nearest integer in the mantissa's low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let n = fma(x, std::f32::consts::LOG2_E, ROUND) - ROUND;
    let r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x));
    let mut p = 1.987_569_1e-4_f32;
    p = fma(p, r, 1.398_2e-3);
    p = fma(p, r, 8.333_452e-3);
    p = fma(p, r, 4.166_579_6e-2);
    p = fma(p, r, 0.166_666_65);
    p = fma(p, r, 0.5);
    let y = fma(p, r * r, r) + 1.0;
    // SAFETY: |n| <= 128 after the clamp; NaN passes through the clamp, and any i32 is a valid
    // value here because the product with the NaN in `y` stays NaN.
    let e = if n.is_nan() { 0 } else { unsafe { n.to_int_unchecked::<i32>() } };
    y * f32::from_bits(((e + 127) << 23) as u32)
}

/// The exact (erf) GELU, x·Φ(x).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / fma(z, 0.327_591_1, 1.0);
    let mut p = 1.061_405_4_f32;
    p = fma(p, t, -1.453_152);
    p = fma(p, t, 1.421_413_7);
    p = fma(p, t, -0.284_496_72);
    p = fma(p, t, 0.254_829_6);
    let erf = 1.0 - p * t * exp(-z * z);
    0.5 * x + 0.5 * x.abs() * erf
}

/// GELU by tanh, as gemma has it: x·σ(2u) is x·(1 + tanh u)/2.
#[inline(always)]
pub fn gelu_tanh(x: f32) -> f32 {
    const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769;
    let u = TWICE_SQRT_2_OVER_PI * fma(0.044_715 * x * x, x, x);
    x / (1.0 + exp(-u))
}

/// x·σ(x).
#[inline(always)]
pub fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// Softmax of one row, in place.
pub fn softmax(row: &mut [f32]) {
    let max = maximum(row);
    let mut sums = [0f32; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (x, sum) in chunk.iter_mut().zip(&mut sums) {
            *x = exp(*x - max);
            *sum += *x;
        }
    }
    let mut total: f32 = sums.iter().sum();
    for x in chunks.into_remainder() {
        *x = exp(*x - max);
        total += *x;
    }
    let scale = 1.0 / total;
    for x in row {
        *x *= scale;
    }
}

/// The largest value of a row; −∞ for an empty one. NaN is ignored.
pub fn maximum(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (m, x) in lanes.iter_mut().zip(chunk) {
            *m = if *x > *m { *x } else { *m };
        }
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m })
}

/// Σ f(x) over a row, in independent lanes.
#[inline(always)]
pub fn sum_by(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|x| f(*x)).sum();
    for chunk in chunks {
        for (s, x) in lanes.iter_mut().zip(chunk) {
            *s += f(*x);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Σ a·b, in independent lanes.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (x, y) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = x.remainder().iter().zip(y.remainder()).map(|(a, b)| a * b).sum();
    for (x, y) in x.zip(y) {
        for ((s, x), y) in lanes.iter_mut().zip(x).zip(y) {
            *s = fma(*x, *y, *s);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// x ← LayerNorm(x + residual)·gain + bias, for rows of `gain.len()` values.
pub fn add_layer_norm(x: &mut [f32], residual: &[f32], gain: &[f32], bias: &[f32], epsilon: f32) {
    let width = gain.len();
    for (row, other) in x.chunks_exact_mut(width).zip(residual.chunks_exact(width)) {
        for (a, b) in row.iter_mut().zip(other) {
            *a += *b;
        }
        let mean = sum_by(row, |v| v) / width as f32;
        let variance = sum_by(row, |v| (v - mean) * (v - mean)) / width as f32;
        let scale = 1.0 / (variance + epsilon).sqrt();
        for ((v, g), b) in row.iter_mut().zip(gain).zip(bias) {
            *v = (*v - mean) * scale * *g + *b;
        }
    }
}

/// out ← x/rms(x)·gain, for rows of `gain.len()` values.
pub fn rms_norm(x: &[f32], gain: &[f32], epsilon: f32, out: &mut [f32]) {
    let width = gain.len();
    for (row, to) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let scale = 1.0 / (sum_by(row, |v| v * v) / width as f32 + epsilon).sqrt();
        for ((o, v), g) in to.iter_mut().zip(row).zip(gain) {
            *o = *v * scale * *g;
        }
    }
}

/// x ← x/|x|₂; a zero row stays zero.
pub fn normalize(row: &mut [f32]) {
    let norm = sum_by(row, |v| v * v).sqrt().max(1e-12);
    for v in row {
        *v /= norm;
    }
}

/// ln Σ e^x of a row.
pub fn log_sum_exp(row: &[f32]) -> f32 {
    let max = maximum(row);
    max + sum_by(row, |v| exp(v - max)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erf(x: f64) -> f64 {
        // Maclaurin series; converges for the range tested.
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn exp_is_within_two_ulp() {
        for i in -8600..8700 {
            let x = i as f32 / 100.0;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 2.5e-7, "exp({x}) is off by {error:e}");
        }
        assert!(exp(f32::NAN).is_nan());
        assert_eq!(exp(f32::NEG_INFINITY), exp(-87.0));
    }

    #[test]
    fn gelu_equals_the_erf_form() {
        for i in -400..400 {
            let x = f64::from(i) / 100.0;
            let expected = 0.5 * x * (1.0 + erf(x / 2f64.sqrt()));
            let error = (f64::from(gelu(x as f32)) - expected).abs();
            assert!(error < 5e-7, "gelu({x}) is off by {error:e}");
        }
    }

    #[test]
    fn gelu_tanh_equals_the_tanh_form() {
        for i in -600..600 {
            let x = f64::from(i) / 100.0;
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
            let error = (f64::from(gelu_tanh(x as f32)) - 0.5 * x * (1.0 + u.tanh())).abs();
            assert!(error < 1e-6, "gelu_tanh({x}) is off by {error:e}");
        }
    }

    #[test]
    fn softmax_of_every_length_sums_to_one() {
        for length in 1..70 {
            let mut row: Vec<f32> = (0..length).map(|i| (i * 7 % 13) as f32 - 50.0).collect();
            softmax(&mut row);
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
    }
}
