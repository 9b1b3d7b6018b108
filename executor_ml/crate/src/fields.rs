//! A JSON object of a model's folder: values with their defaults, errors that name them.
//!
//! Files leave out what is a default of the version that wrote them, so every reader gives its own.

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Larger than any size in any model, small enough that products of two fit.
const MOST: u64 = 1 << 24;

pub struct Fields {
    path: PathBuf,
    value: Value,
}

impl Fields {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
        let value: Value = serde_json::from_slice(&text).map_err(|e| Error::model(path, e))?;
        match value.is_object() {
            true => Ok(Self { path: path.to_owned(), value }),
            false => Err(Error::model(path, "must be a JSON object")),
        }
    }

    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::model(&self.path, reason)
    }

    /// What stands there, unless it is null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn expected(&self, key: &str, what: &str) -> Error {
        let found: String = self.value[key].to_string().chars().take(64).collect();
        self.error(format!("{key} is {found}, expected {what}"))
    }

    pub fn count(&self, key: &str, default: usize) -> Result<usize> {
        let Some(value) = self.get(key) else { return Ok(default) };
        self.whole(value).ok_or_else(|| self.expected(key, "a size that a model has"))
    }

    fn whole(&self, value: &Value) -> Option<usize> {
        value.as_u64().filter(|n| *n <= MOST).and_then(|n| usize::try_from(n).ok())
    }

    pub fn counts(&self, key: &str, default: &[usize]) -> Result<Vec<usize>> {
        let Some(value) = self.get(key) else { return Ok(default.to_vec()) };
        let all = value.as_array().map(|all| all.iter().map(|v| self.whole(v)).collect());
        let all: Option<Vec<usize>> = all.unwrap_or(None);
        all.ok_or_else(|| self.expected(key, "a list of sizes that a model has"))
    }

    pub fn float(&self, key: &str, default: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_f64().ok_or_else(|| self.expected(key, "a number"))
    }

    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.expected(key, "true or false"))
    }

    pub fn text(&self, key: &str, default: &str) -> Result<String> {
        let Some(value) = self.get(key) else { return Ok(default.to_owned()) };
        value.as_str().map(str::to_owned).ok_or_else(|| self.expected(key, "a text"))
    }

    /// The object that stands there, or an empty one.
    pub fn object(&self, key: &str) -> Result<Self> {
        let empty = || Value::Object(serde_json::Map::new());
        let value = self.get(key).cloned().unwrap_or_else(empty);
        match value.is_object() {
            true => Ok(Self { path: self.path.clone(), value }),
            false => Err(self.expected(key, "an object")),
        }
    }

    /// The same, with what another object says put over it.
    pub fn with(mut self, over: Self) -> Self {
        if let (Value::Object(all), Value::Object(over)) = (&mut self.value, over.value) {
            all.extend(over);
        }
        self
    }

    /// Height and width: one number for both, or two.
    pub fn square(&self, key: &str, default: usize) -> Result<(usize, usize)> {
        match self.get(key) {
            Some(Value::Array(_)) => match self.counts(key, &[])?[..] {
                [height, width] if height > 0 && width > 0 => Ok((height, width)),
                _ => Err(self.expected(key, "two sizes")),
            },
            _ => match self.count(key, default)? {
                0 => Err(self.expected(key, "a size that a model has")),
                n => Ok((n, n)),
            },
        }
    }

    /// What each output of a classifier is called.
    pub fn labels(&self, count: usize) -> Vec<String> {
        let names = self.get("id2label");
        let name = |i: usize| names.and_then(|n| n.get(i.to_string())?.as_str());
        (0..count).map(|i| name(i).map_or_else(|| format!("LABEL_{i}"), str::to_owned)).collect()
    }
}
