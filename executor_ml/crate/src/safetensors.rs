//! A mapped safetensors file.
//!
//! Hazard: a file truncated while mapped kills the process (SIGBUS). Models are therefore opened
//! only from folders whose files are written once and renamed into place.

use crate::error::{Error, Result};
use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Device};
use std::path::{Path, PathBuf};

pub struct Weights {
    path: PathBuf,
    file: MmapedSafetensors,
    /// Some exports put every name under the model's own ("bert.").
    prefix: &'static str,
}

impl Weights {
    /// Maps the file; `prefixes` are tried until `probe` is found under one of them.
    pub fn open(path: &Path, probe: &str, prefixes: &[&'static str]) -> Result<Self> {
        // SAFETY: the module's rule: model files are immutable.
        let file = unsafe { MmapedSafetensors::new(path) }.map_err(|e| Error::model(path, e))?;
        let prefix = prefixes
            .iter()
            .find(|p| file.get(&format!("{p}{probe}")).is_ok())
            .ok_or_else(|| Error::model(path, format!("has no tensor {probe}")))?;
        Ok(Self { path: path.to_owned(), file, prefix })
    }

    pub fn has(&self, name: &str) -> bool {
        self.file.get(&format!("{}{name}", self.prefix)).is_ok()
    }

    /// A tensor of exactly `shape`, converted to f32.
    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let full = format!("{}{name}", self.prefix);
        let tensor =
            self.file.load(&full, &Device::Cpu).map_err(|e| Error::model(&self.path, e))?;
        if tensor.dims() != shape {
            let found = tensor.dims();
            let reason = format!("{full} has shape {found:?} where {shape:?} was expected");
            return Err(Error::model(&self.path, reason));
        }
        tensor
            .to_dtype(DType::F32)
            .and_then(|t| t.flatten_all())
            .and_then(|t| t.to_vec1())
            .map_err(|e| Error::model(&self.path, e))
    }

    /// The bytes of an f32 tensor in the map itself, or `None` where it is of another type.
    pub fn mapped(&self, name: &str) -> Option<&[u8]> {
        let view = self.file.get(&format!("{}{name}", self.prefix)).ok()?;
        (DType::try_from(view.dtype()).ok()? == DType::F32).then(|| view.data())
    }
}
