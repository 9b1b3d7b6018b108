//! Triangular filters on the mel scale, as Slaney has it: linear up to 1 kHz, logarithmic above,
//! each of the same area.

const LINEAR_TO: f64 = 1000.0;
const HERTZ_PER_MEL: f64 = 200.0 / 3.0;

/// One filter: its first bin, and the weights from there on.
pub struct Filter {
    pub first: usize,
    pub weights: Vec<f32>,
}

/// `count` filters over `bins` frequencies from 0 to `highest` Hz.
pub fn filters(count: usize, bins: usize, highest: f64) -> Vec<Filter> {
    let top = mel(highest);
    let edge = |i: usize| hertz(top * i as f64 / (count + 1) as f64);
    let frequency = |bin: usize| highest * bin as f64 / (bins - 1) as f64;
    let filter = |i: usize| {
        let (low, centre, high) = (edge(i), edge(i + 1), edge(i + 2));
        let weight = |bin: usize| {
            let f = frequency(bin);
            let slope = ((f - low) / (centre - low)).min((high - f) / (high - centre));
            (slope.max(0.0) * 2.0 / (high - low)) as f32
        };
        let weights: Vec<f32> = (0..bins).map(weight).collect();
        let first = weights.iter().position(|w| *w > 0.0).unwrap_or(0);
        let last = weights.iter().rposition(|w| *w > 0.0).map_or(first, |last| last + 1);
        Filter { first, weights: weights[first..last].to_vec() }
    };
    (0..count).map(filter).collect()
}

fn step() -> f64 {
    6.4_f64.ln() / 27.0
}

fn mel(hertz: f64) -> f64 {
    match hertz < LINEAR_TO {
        true => hertz / HERTZ_PER_MEL,
        false => LINEAR_TO / HERTZ_PER_MEL + (hertz / LINEAR_TO).ln() / step(),
    }
}

fn hertz(mel: f64) -> f64 {
    let bend = LINEAR_TO / HERTZ_PER_MEL;
    match mel < bend {
        true => mel * HERTZ_PER_MEL,
        false => LINEAR_TO * ((mel - bend) * step()).exp(),
    }
}
