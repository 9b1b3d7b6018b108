//! A detector's `config.json`.

use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Most classes, and most keypoints of one.
const MOST: usize = 10_000;
/// The longest side that a picture is scaled to, if neither model nor caller says.
const SIZE: usize = 640;
pub const MOST_SIZE: usize = 1280;
/// What heights and widths are a multiple of.
pub const STRIDE: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    Detect,
    Segment,
    Pose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    Yolov8,
    Yolo11,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    Row(Vec<String>),
    Table(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct File {
    model_type: Family,
    #[serde(default = "detect")]
    task: Task,
    names: Names,
    #[serde(default)]
    kpt_shape: Option<[usize; 2]>,
    #[serde(default)]
    imgsz: Option<usize>,
}

fn detect() -> Task {
    Task::Detect
}

#[derive(Clone, Debug)]
pub struct Config {
    pub family: Family,
    pub task: Task,
    /// Of the classes, in their order.
    pub names: Vec<String>,
    /// Keypoints of a thing, and numbers of each: 2, or 3 with a score.
    pub keypoints: [usize; 2],
    pub size: usize,
}

impl Config {
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let wrong = |reason: String| Error::model(&path, reason);
        let text = std::fs::read(&path).map_err(|e| wrong(e.to_string()))?;
        let file: File = serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        let names = match file.names {
            Names::Row(names) => names,
            Names::Table(mut table) => {
                let count = table.len();
                let row: Option<Vec<String>> =
                    (0..count).map(|i| table.remove(&i.to_string())).collect();
                row.ok_or_else(|| wrong("names: expected the keys 0, 1, 2, …".to_owned()))?
            }
        };
        if names.is_empty() || names.len() > MOST {
            return Err(wrong(format!("names: {} of them, expected 1 to {MOST}", names.len())));
        }
        let keypoints = file.kpt_shape.unwrap_or([17, 3]);
        if file.task == Task::Pose
            && (!(1..=MOST).contains(&keypoints[0]) || !(2..=3).contains(&keypoints[1]))
        {
            return Err(wrong(format!("kpt_shape: {keypoints:?}, expected [1 or more, 2 or 3]")));
        }
        let size = file.imgsz.unwrap_or(SIZE);
        if !size.is_multiple_of(STRIDE) || !(STRIDE..=MOST_SIZE).contains(&size) {
            let expected = format!("a multiple of {STRIDE} up to {MOST_SIZE}");
            return Err(wrong(format!("imgsz: {size}, expected {expected}")));
        }
        Ok(Self { family: file.model_type, task: file.task, names, keypoints, size })
    }
}
