//! The safetensors files of one model, mapped: one file, or those that an index names.
//!
//! Files are untrusted: the header's length and every offset are checked by the safetensors crate,
//! and no other format is ever read: a pickle is refused by name. The rule of `safetensors` on
//! truncation holds here too.

use crate::error::{Error, Result};
use crate::tensor_bytes::{Source, TensorBytes};
use ::safetensors::{Dtype, SafeTensors};
use candle_core::quantized::GgmlDType;
use memmap2::Mmap;
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// Files of weights that are programs to whoever reads them.
const PICKLES: [&str; 5] = ["bin", "pt", "pth", "pkl", "ckpt"];

pub struct Shards {
    folder: PathBuf,
    tensors: HashMap<String, TensorBytes>,
}

#[derive(Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

impl Shards {
    pub fn open(folder: &Path) -> Result<Self> {
        let mut tensors = HashMap::new();
        for path in files(folder)? {
            read(&path, &mut tensors)?;
        }
        Ok(Self { folder: folder.to_owned(), tensors })
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let (single, index) = (folder.join(SINGLE), folder.join(INDEX));
    if single.exists() {
        return Ok(vec![single]);
    }
    if !index.exists() {
        return Err(Error::model(folder, missing(folder)));
    }
    let text = std::fs::read(&index).map_err(|e| Error::model(&index, e))?;
    let parsed: Index = serde_json::from_slice(&text).map_err(|e| Error::model(&index, e))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    let inside = |name: &String| Path::new(name).file_name().is_some_and(|n| n == name.as_str());
    match names.iter().find(|name| !inside(name)) {
        Some(name) => Err(Error::model(&index, format!("{name:?} leaves the folder"))),
        None => Ok(names.into_iter().map(|name| folder.join(name)).collect()),
    }
}

/// Why a folder has no weights that can be read.
fn missing(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<PathBuf> = entries.map(|e| PathBuf::from(e.file_name())).collect();
    names.sort();
    let pickle = names
        .iter()
        .find(|n| n.extension().and_then(|e| e.to_str()).is_some_and(|e| PICKLES.contains(&e)));
    match pickle {
        Some(name) => format!("{} is a pickle, which is never read; {SINGLE} is", name.display()),
        None => format!("has no {SINGLE}"),
    }
}

fn read(path: &Path, tensors: &mut HashMap<String, TensorBytes>) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::model(path, e))?;
    // SAFETY: the rule of `safetensors`: model files are immutable.
    let map = Arc::new(unsafe { Mmap::map(&file) }.map_err(|e| Error::model(path, e))?);
    let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|e| Error::model(path, e))?;
    let data = header + size_of::<u64>();
    for (name, info) in metadata.tensors() {
        let dtype = match info.dtype {
            Dtype::F32 => GgmlDType::F32,
            Dtype::F16 => GgmlDType::F16,
            Dtype::BF16 => GgmlDType::BF16,
            _ => continue, // of no use to any model here
        };
        let start = info.data_offsets.0.checked_add(data);
        let tensor = TensorBytes::new(&map, start, dtype, info.shape.clone());
        let tensor = tensor.ok_or_else(|| Error::model(path, format!("{name} leaves the file")))?;
        tensors.insert(name, tensor);
    }
    Ok(())
}

impl Source for Shards {
    fn tensor(&self, name: &str) -> Result<TensorBytes> {
        let tensor = self.tensors.get(name).cloned();
        tensor.ok_or_else(|| self.error(&format!("has no tensor {name} of floats")))
    }

    fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn error(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::model(&self.folder, reason)
    }
}
