//! Candidates for things: a box, a score for each class, and what the task adds, at every place.

use super::config::{Config, Task};
use super::weights::{Computed, Conv, Weights};
use crate::cpu;
use crate::error::Result;
use crate::vision::larger::Larger;
use crate::vision::map::Map;

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

    fn forward(&self, x: &Map) -> Computed<Map> {
        let (first, rest) = self.0.split_first().ok_or("a row of nothing")?;
        rest.iter().try_fold(first.forward(x)?, |x, conv| conv.forward(&x))
    }

    fn channels(&self) -> usize {
        self.0.last().map_or(0, Conv::channels)
    }
}

/// Masks that every thing's mask is a sum of.
struct Proto {
    first: Conv,
    larger: Larger,
    second: Conv,
    last: Conv,
}

impl Proto {
    fn read(weights: &Weights, name: &str) -> Result<Self> {
        let conv = |n: u8| weights.conv(&format!("{name}.cv{n}"), 1, true);
        let larger = weights.larger(&format!("{name}.upsample"))?;
        Ok(Self { first: conv(1)?, larger, second: conv(2)?, last: conv(3)? })
    }

    fn forward(&self, x: &Map) -> Computed<Map> {
        let x = self.first.forward(x)?;
        if x.channels != self.larger.inputs() {
            return Err(format!("prototypes of {} channels", x.channels));
        }
        let places = x.height * x.width;
        let values = self.larger.forward(&x.values, places, x.width, cpu::threads());
        let (height, width, channels) = (2 * x.height, 2 * x.width, self.larger.outputs());
        let x = Map { images: 1, height, width, channels, values };
        self.last.forward(&self.second.forward(&x)?)
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

    pub fn forward(&self, scales: &[Map; 3]) -> Computed<Candidates> {
        let mut levels = Vec::new();
        for (i, x) in scales.iter().enumerate() {
            let more = self.more.get(i).map(|row| row.forward(x)).transpose()?;
            levels.push((self.boxes[i].forward(x)?, self.scores[i].forward(x)?, more));
        }
        let count = scales.iter().map(|x| x.height * x.width).sum();
        let extra = |more: &Option<Map>| more.as_ref().map_or(0, |more| more.channels);
        if levels.iter().any(|level| extra(&level.2) != extra(&levels[0].2)) {
            return Err("levels of different widths".to_owned());
        }
        let rows = 4 + self.classes + extra(&levels[0].2);
        let mut values = vec![0.0; rows * count];
        let mut first = 0;
        for ((boxes, scores, more), stride) in levels.iter().zip(STRIDES) {
            let width = boxes.width;
            for at in 0..width * boxes.height {
                let centre = [(at % width) as f32 + 0.5, (at / width) as f32 + 0.5];
                let column = first + at;
                let bins = boxes.place(at).chunks_exact(self.bins);
                for (side, bins) in bins.enumerate() {
                    let sign = if side < 2 { -1.0 } else { 1.0 };
                    let away = centre[side % 2] + sign * expected(bins);
                    values[side * count + column] = away * stride;
                }
                for (class, score) in scores.place(at).iter().enumerate() {
                    values[(4 + class) * count + column] = sigmoid(*score);
                }
                for (j, more) in more.iter().flat_map(|more| more.place(at)).enumerate() {
                    let value = match (self.task, j % self.keypoints[1]) {
                        (Task::Pose, 2) => sigmoid(*more),
                        (Task::Pose, axis) => (*more * 2.0 + centre[axis] - 0.5) * stride,
                        _ => *more,
                    };
                    values[(4 + self.classes + j) * count + column] = value;
                }
            }
            first += width * boxes.height;
        }
        let proto = match &self.proto {
            Some(proto) => {
                let masks = proto.forward(&scales[0])?;
                let shape = [masks.channels, masks.height, masks.width];
                let plane = |c: usize| masks.values.iter().skip(c).step_by(masks.channels);
                Some(((0..masks.channels).flat_map(plane).copied().collect(), shape))
            }
            None => None,
        };
        Ok(Candidates { count, values, proto })
    }
}

/// The mean of a distribution over 0, 1, 2, … that logits tell.
fn expected(bins: &[f32]) -> f32 {
    let most = bins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut all) = (0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        let share = (bin - most).exp();
        sum += share * i as f32;
        all += share;
    }
    sum / all
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
