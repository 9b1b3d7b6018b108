//! Names of values to places: a graph inside a node sees those around it.

use std::collections::HashMap;

#[derive(Debug, Default)]
pub struct Scope {
    levels: Vec<HashMap<String, usize>>,
    places: usize,
}

impl Scope {
    pub fn open(&mut self) {
        self.levels.push(HashMap::new());
    }

    pub fn close(&mut self) {
        self.levels.pop();
    }

    /// A place for a value; None where this graph has one of that name.
    pub fn define(&mut self, name: &str) -> Option<usize> {
        let place = self.places;
        let level = self.levels.last_mut()?;
        if level.contains_key(name) {
            return None;
        }
        level.insert(name.to_owned(), place);
        self.places += 1;
        Some(place)
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.levels.iter().rev().find_map(|level| level.get(name).copied())
    }

    pub fn places(&self) -> usize {
        self.places
    }
}
