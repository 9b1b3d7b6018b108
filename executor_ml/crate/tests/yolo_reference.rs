//! Detectors on small random weights against ultralytics, boxes and pictures against torchvision,
//! PyTorch and OpenCV (golden/yolo.json, made by executor_ml/tests/golden/make_yolo.py).

mod made;

use edgemesh_candle::error::Error;
use edgemesh_candle::picture::Picture;
use edgemesh_candle::yolo::{Detector, Letterbox, Options, Prototypes, mask, suppress};
use made::{Folder, decoded, noise};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Golden {
    networks: BTreeMap<String, Network>,
    letterboxes: Vec<Boxed>,
    nms: Vec<Kept>,
    masks: Vec<Masks>,
}

#[derive(Clone, Deserialize)]
struct Network {
    family: String,
    task: String,
    names: Vec<String>,
    tensors: BTreeMap<String, Vec<usize>>,
    shape: [usize; 2],
    out: Vec<f32>,
    #[serde(default)]
    proto_shape: Vec<usize>,
    /// The sixth of the prototypes.
    #[serde(default)]
    proto: Vec<f32>,
}

#[derive(Deserialize)]
struct Boxed {
    from: [usize; 2],
    size: usize,
    shape: [usize; 2],
    bytes: String,
}

#[derive(Deserialize)]
struct Kept {
    iou: f32,
    by_class: Vec<usize>,
    agnostic: Vec<usize>,
}

#[derive(Deserialize)]
struct Masks {
    from: [usize; 2],
    size: usize,
    proto_shape: [usize; 3],
    boxes: Vec<[f32; 4]>,
    bits: String,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("golden/yolo.json")).unwrap()
}

/// As in make_yolo.py.
fn weights(name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    if name.ends_with("dfl.conv.weight") {
        return (0..count).map(|i| i as f32).collect();
    }
    if shape.len() > 1 {
        let inputs: usize = shape[1..].iter().product();
        return noise(name, count, (2.0 / (inputs as f64).sqrt()) as f32);
    }
    let ones = name.ends_with("running_var") || name.ends_with("bn.weight");
    noise(name, count, 0.3).into_iter().map(|x| x + f32::from(u8::from(ones))).collect()
}

/// As in make_yolo.py.
fn picture(height: usize, width: usize) -> Picture {
    let values = noise(&format!("picture {height}x{width}"), height * width * 3, 127.0);
    let rgb = values.into_iter().map(|x| (x + 127.0) as u8).collect();
    Picture::of_rgb(rgb, height, width).unwrap()
}

/// A network's folder, with some of its config changed.
fn folder_of(name: &str, network: &Network, changes: serde_json::Value) -> Folder {
    let folder = Folder::of(name, &network.tensors, weights);
    let mut config = json!({"model_type": network.family, "task": network.task,
        "names": network.names, "kpt_shape": [5, 3]});
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    folder.write("config.json", &config);
    folder
}

fn close(what: &str, got: &[f32], expected: &[f32]) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-3 + 1e-4 * b.abs(), "{what}[{i}]: {a}, expected {b}");
    }
}

#[test]
fn outputs_equal_the_reference() {
    for (name, network) in &golden().networks {
        let folder = folder_of(name, network, json!({}));
        let detector = Detector::open(&folder.0).unwrap();
        let (height, width) = (64, 96);
        let found = detector.candidates(&picture(height, width).rgb, height, width).unwrap();
        assert_eq!([found.rows(), found.count], network.shape, "{name}");
        close(name, &found.values, &network.out);
        if let Some((values, shape)) = &found.proto {
            assert_eq!(shape.as_slice(), network.proto_shape.as_slice());
            let plane = shape[1] * shape[2];
            close(&format!("{name}: prototype"), &values[5 * plane..6 * plane], &network.proto);
        } else {
            assert!(network.proto.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_picture_is_scaled_as_the_reference_scales_it() {
    for each in &golden().letterboxes {
        let letterbox = Letterbox::new(each.from[0], each.from[1], each.size);
        assert_eq!(letterbox.full, each.shape);
        let got = letterbox.apply(&picture(each.from[0], each.from[1]));
        let expected = decoded(&each.bytes);
        assert_eq!(got.len(), expected.len());
        let off: Vec<_> = got.iter().zip(&expected).filter(|(a, b)| a != b).collect();
        assert!(off.is_empty(), "{:?}: {} of {}: {off:?}", each.from, off.len(), got.len());
    }
}

#[test]
fn the_same_boxes_are_kept() {
    let count = 120;
    let values = noise("boxes", count * 6, 1.0);
    let rows: Vec<&[f32]> = values.chunks_exact(6).collect();
    let boxes: Vec<[f32; 4]> = rows
        .iter()
        .map(|r| {
            let (x, y) = ((r[0] + 1.0) * 30.0, (r[1] + 1.0) * 30.0);
            [x, y, x + (r[2] + 1.2) * 20.0, y + (r[3] + 1.2) * 20.0]
        })
        .collect();
    let scores: Vec<f32> =
        rows.iter().map(|r| ((r[4] + 1.0) * 20.0).round_ties_even() / 40.0).collect();
    let classes: Vec<usize> = rows.iter().map(|r| ((r[5] + 1.0) * 1.5) as usize).collect();
    for each in &golden().nms {
        let by_class = suppress(&boxes, &scores, Some(&classes), each.iou, count);
        assert_eq!(by_class, each.by_class);
        assert_eq!(suppress(&boxes, &scores, None, each.iou, count), each.agnostic);
        assert_eq!(suppress(&boxes, &scores, None, each.iou, 3), each.agnostic[..3]);
    }
}

#[test]
fn masks_are_sampled_where_the_picture_lies() {
    for each in &golden().masks {
        let [height, width] = each.from;
        let values = noise("proto", each.proto_shape.iter().product(), 1.0);
        let prototypes = Prototypes { values, shape: each.proto_shape };
        let coefficients = noise("coefficients", 12, 1.0);
        let letterbox = Letterbox::new(height, width, each.size);
        let mut got = vec![0; 3 * height * width];
        for (i, out) in got.chunks_exact_mut(height * width).enumerate() {
            mask(&prototypes, &coefficients[4 * i..4 * i + 4], &letterbox, &each.boxes[i], out);
        }
        let bits = decoded(&each.bits);
        let off = (0..got.len()).filter(|i| got[*i] != bits[i / 8] >> (7 - i % 8) & 1).count();
        assert!(got.contains(&1));
        assert!(off <= 2, "{:?}: {off} of {} pixels", each.from, got.len());
    }
}

#[test]
fn boxes_lie_in_the_picture_and_the_likeliest_comes_first() {
    let golden = golden();
    let folder = folder_of("found", &golden.networks["yolov8-pose"], json!({}));
    let detector = Detector::open(&folder.0).unwrap();
    let options = Options { size: 96, confidence: 0.01, iou: 0.5, agnostic: false, most: 7 };
    let found = detector.find(&picture(50, 37), &options).unwrap();
    assert_eq!(found.boxes.len(), 7);
    assert!(found.scores.is_sorted_by(|a, b| a >= b));
    for [left, top, right, bottom] in &found.boxes {
        assert!(0.0 <= *left && left <= right && *right <= 37.0);
        assert!(0.0 <= *top && top <= bottom && *bottom <= 50.0);
    }
    assert!(found.keypoints.iter().all(|points| points.len() == 5));
    let none = Options { confidence: 1.0, ..options };
    assert!(detector.find(&picture(50, 37), &none).unwrap().boxes.is_empty());
}

#[test]
fn what_does_not_fit_is_named() {
    let golden = golden();
    let network = &golden.networks["yolov8"];
    for (i, (changes, expected)) in [
        (json!({"task": "segment"}), "weights for Detect, its config says Segment"),
        (json!({"names": ["one"]}), "3 classes, and 1 names"),
        (json!({"names": {"0": "a", "2": "b"}}), "expected the keys 0, 1, 2"),
        (json!({"model_type": "yolo11"}), "model.10.cv1"),
        (json!({"imgsz": 100}), "a multiple of 32"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = folder_of(&format!("unfit-{i}"), network, changes);
        match Detector::open(&folder.0).err() {
            Some(Error::Model { reason, .. }) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}, expected {expected}"),
        }
    }
}

#[test]
fn odd_layers_are_named() {
    let golden = golden();
    for (i, (family, layer, outputs, expected)) in [
        ("yolov8", "2.cv1", 1, "2.cv1 has no two halves"),
        ("yolo11", "10.cv1", 1, "10.cv1 has no two halves"),
        ("yolov8-segment", "22.proto.upsample", 0, "22.proto.upsample: "),
    ]
    .into_iter()
    .enumerate()
    {
        let mut network = golden.networks[family].clone();
        for (name, shape) in &mut network.tensors {
            if name.contains(&format!(".{layer}.")) {
                let at = usize::from(layer.ends_with("upsample") && shape.len() > 1);
                shape[at] = outputs;
            }
        }
        let folder = folder_of(&format!("odd-{i}"), &network, json!({}));
        match Detector::open(&folder.0).err() {
            Some(Error::Model { reason, .. }) => assert!(reason.contains(expected), "{reason}"),
            other => panic!("{other:?}, expected {expected}"),
        }
    }
}
