//! Candidates for things: a box, a score for each class, and what the task adds, at every place.

use super::config::{Config, Task};
use super::weights::{Conv, Weights};
use crate::error::Result;
use candle_core::{IndexOp, Result as Computed, Tensor};

const STRIDES: [f32; 3] = [8.0, 16.0, 32.0];

/// Convolutions one after another.
struct Row(Vec<Conv>);

impl Row {
    /// `name.0`, `name.1`, each one or two convolutions, then `name.2` without normalisation.
    fn read(weights: &Weights, name: &str) -> Result<Self> {
        let mut row = Vec::new();
        for i in 0..2 {
            let step = format!("{name}.{i}");
            match weights.count(&step, "conv.weight") {
                0 => row.push(weights.conv(&step, 1, true)?),
                count => {
                    for j in 0..count {
                        row.push(weights.conv(&format!("{step}.{j}"), 1, true)?);
                    }
                }
            }
        }
        row.push(weights.plain(&format!("{name}.2"))?);
        Ok(Self(row))
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        self.0.iter().try_fold(x.clone(), |x, conv| conv.forward(&x))
    }

    fn channels(&self) -> usize {
        self.0.last().map_or(0, Conv::channels)
    }
}

/// Masks that every thing's mask is a sum of.
struct Proto {
    first: Conv,
    larger: (Tensor, Tensor),
    second: Conv,
    last: Conv,
}

impl Proto {
    fn read(weights: &Weights, name: &str) -> Result<Self> {
        let conv = |n: u8| weights.conv(&format!("{name}.cv{n}"), 1, true);
        let weight = weights.tensor(&format!("{name}.upsample.weight"))?;
        let bias = weights.tensor(&format!("{name}.upsample.bias"))?;
        let bias = bias.reshape((1, (), 1, 1)).map_err(|e| weights.error(&e))?;
        Ok(Self { first: conv(1)?, larger: (weight, bias), second: conv(2)?, last: conv(3)? })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let x = self.first.forward(x)?.conv_transpose2d(&self.larger.0, 0, 0, 2, 1)?;
        self.last.forward(&self.second.forward(&x.broadcast_add(&self.larger.1)?)?)
    }
}

pub struct Head {
    task: Task,
    keypoints: [usize; 2],
    classes: usize,
    /// Steps that a side's distance is told in.
    bins: usize,
    boxes: Vec<Row>,
    scores: Vec<Row>,
    more: Vec<Row>,
    proto: Option<Proto>,
}

/// What the network found at every place, before anything is left out.
pub struct Candidates {
    pub count: usize,
    /// Rows of `count`: four of boxes (left, top, right, bottom, in the network's pixels), one for
    /// each class, and the task's: mask coefficients, or keypoints.
    pub values: Vec<f32>,
    /// Prototypes, channels first, and their shape.
    pub proto: Option<(Vec<f32>, [usize; 3])>,
}

impl Candidates {
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.count..(i + 1) * self.count]
    }

    pub fn rows(&self) -> usize {
        self.values.len() / self.count
    }
}

impl Head {
    pub fn read(weights: &Weights, at: usize, config: &Config) -> Result<Self> {
        let rows = |part: &str| -> Result<Vec<Row>> {
            (0..STRIDES.len()).map(|i| Row::read(weights, &format!("{at}.{part}.{i}"))).collect()
        };
        let (masks, more) =
            (weights.has(&format!("{at}.proto.cv1.conv.weight")), format!("{at}.cv4.0.2.weight"));
        let task = match (masks, weights.has(&more)) {
            (true, _) => Task::Segment,
            (false, true) => Task::Pose,
            (false, false) => Task::Detect,
        };
        if task != config.task {
            let told = config.task;
            return Err(weights.error(&format!("weights for {task:?}, its config says {told:?}")));
        }
        let read = Self {
            task,
            keypoints: config.keypoints,
            classes: config.names.len(),
            bins: 0,
            boxes: rows("cv2")?,
            scores: rows("cv3")?,
            more: if task == Task::Detect { Vec::new() } else { rows("cv4")? },
            proto: masks.then(|| Proto::read(weights, &format!("{at}.proto"))).transpose()?,
        };
        let bins = read.boxes[0].channels() / 4;
        if let Some(found) = read.scores.iter().map(Row::channels).find(|n| *n != read.classes) {
            return Err(weights.error(&format!("{found} classes, and {} names", read.classes)));
        }
        if bins == 0 || read.boxes.iter().any(|row| row.channels() != bins * 4) {
            return Err(weights.error(&format!("{at}.cv2 gives no boxes")));
        }
        let points = config.keypoints[0] * config.keypoints[1];
        if task == Task::Pose && read.more.iter().any(|row| row.channels() != points) {
            let found = read.more[0].channels();
            return Err(weights.error(&format!("{found} numbers of keypoints, not {points}")));
        }
        Ok(Self { bins, ..read })
    }

    pub fn forward(&self, scales: &[Tensor; 3]) -> Computed<Candidates> {
        let mut levels = Vec::new();
        for (i, x) in scales.iter().enumerate() {
            let (_, _, height, width) = x.dims4()?;
            let flat = |row: &Row| row.forward(x)?.i(0)?.flatten(1, 2)?.to_vec2::<f32>();
            let more = self.more.get(i).map(flat).transpose()?.unwrap_or_default();
            levels.push((width, height, flat(&self.boxes[i])?, flat(&self.scores[i])?, more));
        }
        let count = levels.iter().map(|(width, height, ..)| width * height).sum();
        let rows = 4 + self.classes + levels[0].4.len();
        let mut values = vec![0.0; rows * count];
        let mut first = 0;
        for ((width, height, boxes, scores, more), stride) in levels.into_iter().zip(STRIDES) {
            for at in 0..width * height {
                let centre = [(at % width) as f32 + 0.5, (at / width) as f32 + 0.5];
                let column = first + at;
                for side in 0..4 {
                    let away = expected(&boxes[side * self.bins..(side + 1) * self.bins], at);
                    let sign = if side < 2 { -1.0 } else { 1.0 };
                    values[side * count + column] = (centre[side % 2] + sign * away) * stride;
                }
                for (class, scores) in scores.iter().enumerate() {
                    values[(4 + class) * count + column] = sigmoid(scores[at]);
                }
                for (j, more) in more.iter().enumerate() {
                    let value = match (self.task, j % self.keypoints[1]) {
                        (Task::Pose, 2) => sigmoid(more[at]),
                        (Task::Pose, axis) => (more[at] * 2.0 + centre[axis] - 0.5) * stride,
                        _ => more[at],
                    };
                    values[(4 + self.classes + j) * count + column] = value;
                }
            }
            first += width * height;
        }
        let proto = match &self.proto {
            Some(proto) => {
                let masks = proto.forward(&scales[0])?.i(0)?;
                let (channels, height, width) = masks.dims3()?;
                Some((masks.flatten_all()?.to_vec1()?, [channels, height, width]))
            }
            None => None,
        };
        Ok(Candidates { count, values, proto })
    }
}

/// The mean of a distribution over 0, 1, 2, … that logits tell, at one place of each.
fn expected(bins: &[Vec<f32>], at: usize) -> f32 {
    let most = bins.iter().map(|bin| bin[at]).fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut all) = (0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        let share = (bin[at] - most).exp();
        sum += share * i as f32;
        all += share;
    }
    sum / all
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
