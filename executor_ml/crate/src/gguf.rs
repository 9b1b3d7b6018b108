//! A mapped GGUF file: checked metadata, and tensors as slices of the map.
//!
//! The file is untrusted: candle's reader bounds every length, and the offset and size of every
//! tensor are checked here before a slice is taken. Truncation while mapped is the same hazard as
//! in `safetensors`, and has the same rule.

use crate::error::{Error, Result};
use crate::tensor_bytes::{Source, TensorBytes};
use candle_core::quantized::gguf_file::{Content, Value};
use memmap2::Mmap;
use std::fs::File;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Gguf {
    path: PathBuf,
    map: Arc<Mmap>,
    content: Content,
}

impl Gguf {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::model(path, e))?;
        // SAFETY: the module's rule: model files are immutable.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::model(path, e))?;
        // A crafted file (alignment zero) can make the reader panic.
        let content = catch_unwind(AssertUnwindSafe(|| Content::read(&mut Cursor::new(&map[..]))))
            .map_err(|_| Error::model(path, "is not a valid GGUF file"))?
            .map_err(|e| Error::model(path, e))?;
        Ok(Self { path: path.to_owned(), map: Arc::new(map), content })
    }

    /// A `Model` error about this file.
    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::model(&self.path, reason)
    }

    fn value(&self, key: &str) -> Result<&Value> {
        let value = self.content.metadata.get(key);
        value.ok_or_else(|| self.error(format!("has no {key}")))
    }

    pub fn string(&self, key: &str) -> Result<&str> {
        match self.value(key)? {
            Value::String(s) => Ok(s),
            _ => Err(self.error(format!("{key} is not a string"))),
        }
    }

    /// An unsigned count.
    pub fn size(&self, key: &str) -> Result<usize> {
        self.value(key)?.to_u64().map(|n| n as usize).map_err(|e| self.error(format!("{key}: {e}")))
    }

    pub fn float(&self, key: &str) -> Result<f32> {
        self.value(key)?.to_f32().map_err(|e| self.error(format!("{key}: {e}")))
    }

    /// A number, or `default` where there is none.
    pub fn float_or(&self, key: &str, default: f32) -> Result<f32> {
        if self.content.metadata.contains_key(key) { self.float(key) } else { Ok(default) }
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.content.metadata.get(key), Some(Value::Bool(true)))
    }

    fn array(&self, key: &str) -> Result<&[Value]> {
        match self.value(key)? {
            Value::Array(values) => Ok(values),
            _ => Err(self.error(format!("{key} is not an array"))),
        }
    }

    pub fn strings(&self, key: &str) -> Result<Vec<&str>> {
        self.array(key)?
            .iter()
            .map(|v| match v {
                Value::String(s) => Ok(s.as_str()),
                _ => Err(self.error(format!("{key} holds more than strings"))),
            })
            .collect()
    }

    pub fn numbers(&self, key: &str) -> Result<Vec<u32>> {
        self.array(key)?
            .iter()
            .map(|v| match v {
                Value::I32(n) if *n >= 0 => Ok(*n as u32),
                v => v.to_u32().map_err(|e| self.error(format!("{key}: {e}"))),
            })
            .collect()
    }
}

impl Source for Gguf {
    fn tensor(&self, name: &str) -> Result<TensorBytes> {
        let infos = &self.content.tensor_infos;
        let info = infos.get(name).ok_or_else(|| self.error(format!("has no tensor {name}")))?;
        let start = self.content.tensor_data_offset.checked_add(info.offset);
        let start = start.and_then(|start| usize::try_from(start).ok());
        let dims = info.shape.dims().to_vec();
        TensorBytes::new(&self.map, start, info.ggml_dtype, dims).ok_or_else(|| {
            let size = self.map.len();
            self.error(format!("{name} does not lie in the file's {size} bytes"))
        })
    }

    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    fn error(&self, reason: &dyn std::fmt::Display) -> Error {
        Error::model(&self.path, reason)
    }
}
