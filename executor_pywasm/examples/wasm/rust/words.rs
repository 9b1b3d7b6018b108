//! Counts the words of standard input: `words 2` prints those that are there twice or more.

use std::collections::BTreeMap;
use std::io::{stdin, stdout, Read, Write};
use std::process::exit;

fn main() {
    let mut text = Vec::new();
    if stdin().read_to_end(&mut text).is_err() {
        exit(2);
    }
    let least: usize = match std::env::args().nth(1).map(|n| n.parse()) {
        None => 1,
        Some(Ok(number)) => number,
        Some(Err(_)) => exit(64),
    };
    let mut counts = BTreeMap::new();
    for word in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_ascii_lowercase()).or_insert(0usize) += 1;
    }
    let mut out = Vec::new();
    for (word, count) in counts.into_iter().filter(|(_, count)| *count >= least) {
        out.extend(word);
        out.extend(b" ");
        out.extend(count.to_string().bytes());
        out.push(b'\n');
    }
    if stdout().write_all(&out).is_err() {
        exit(1);
    }
}
