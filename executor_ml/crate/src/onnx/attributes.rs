//! What a node says beside its inputs.

use super::error::Fault;
use super::literal;
use super::proto::Attribute;
use super::value::Value;
use std::collections::HashMap;

#[derive(Debug, Default)]
pub struct Attributes(HashMap<String, Attribute>);

impl Attributes {
    /// Graphs are compiled elsewhere, and not kept here.
    pub fn new(told: &[Attribute]) -> Self {
        let kept = told.iter().filter(|each| each.graph.is_none());
        Self(kept.map(|each| (each.name.clone(), each.clone())).collect())
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.0.get(name).map_or(default, |each| each.int)
    }

    pub fn optional_int(&self, name: &str) -> Option<i64> {
        self.0.get(name).map(|each| each.int)
    }

    pub fn is(&self, name: &str) -> bool {
        self.int(name, 0) != 0
    }

    pub fn float(&self, name: &str, default: f32) -> f64 {
        self.0.get(name).map_or(default, |each| each.float).into()
    }

    pub fn optional_float(&self, name: &str) -> Option<f64> {
        self.0.get(name).map(|each| each.float.into())
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.0.get(name).map(|each| &each.ints[..])
    }

    /// Numbers of a window or the like: from `least` up, as many as there are dimensions.
    pub fn sizes(&self, name: &str, count: usize, default: usize) -> Result<Vec<usize>, Fault> {
        let Some(told) = self.ints(name).filter(|told| !told.is_empty()) else {
            return Ok(vec![default; count]);
        };
        let sizes: Vec<usize> = told.iter().filter_map(|n| usize::try_from(*n).ok()).collect();
        let least = default.min(1);
        if sizes.len() != count
            || told.len() != count
            || sizes.iter().any(|n| *n < least || *n > 1 << 20)
        {
            return Fault::expected(format!("{name}: {count} numbers from {least}, not {told:?}"));
        }
        Ok(sizes)
    }

    pub fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, |each| std::str::from_utf8(&each.text).unwrap_or("?"))
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        let told = self.0.get(name).map_or(&[][..], |each| &each.texts[..]);
        told.iter().map(|each| String::from_utf8_lossy(each).into_owned()).collect()
    }

    pub fn floats(&self, name: &str) -> Option<&[f32]> {
        self.0.get(name).map(|each| &each.floats[..])
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub fn tensor(&self, name: &str) -> Result<Option<Value>, Fault> {
        let told = self.0.get(name).and_then(|each| each.tensor.as_ref());
        told.map(literal::read).transpose()
    }
}
