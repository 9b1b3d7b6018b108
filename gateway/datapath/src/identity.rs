//! Who is known, by the digest of what shows it: an API key, a token that Python has verified, a
//! client's certificate.
//!
//! Rules: what is not here, or is here no longer, is no refusal but Python's to judge.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderValue;

/// Whose a call is, and what it may run.
pub struct Identity {
    pub tenant: Arc<str>,
    /// By what it was shown, for the audit.
    pub who: Arc<str>,
    pub header: HeaderValue,
    /// An algorithm must fit a pattern of every list.
    pub scopes: Vec<Vec<String>>,
    /// From when on Python has to look at it anew.
    pub until: Option<SystemTime>,
    pub account: usize,
}

impl Identity {
    /// Whether it may run an algorithm, whose version no pattern names.
    pub fn may(&self, algorithm: &str) -> bool {
        let name = algorithm.split_once('@').map_or(algorithm, |(name, _)| name);
        self.scopes.iter().all(|list| list.iter().any(|pattern| covers(pattern, name)))
    }
}

/// Whether a name is the pattern's, or begins with what it has before its `*`.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// The table.
#[derive(Default)]
pub struct Identities {
    pub everyone: Option<Arc<Identity>>,
    /// A map's own hash of the digest depends on a secret of this process, so that how long a
    /// look-up takes tells nothing of the digests that are there.
    pub known: HashMap<[u8; 32], Arc<Identity>>,
}

impl Identities {
    pub fn find(&self, shown: Option<&[u8; 32]>) -> Option<&Arc<Identity>> {
        let found = match &self.everyone {
            Some(everyone) => Some(everyone),
            None => shown.and_then(|digest| self.known.get(digest)),
        };
        found.filter(|identity| identity.until.is_none_or(|until| SystemTime::now() < until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_names_or_beginnings() {
        for (pattern, name, expected) in [
            ("*", "cpp.fft", true),
            ("cpp.*", "cpp.fft", true),
            ("cpp.*", "cppx.fft", false),
            ("cpp.*", "cpp", false),
            ("cpp.fft", "cpp.fft", true),
            ("cpp.fft", "cpp.fft2", false),
            ("", "cpp.fft", false),
        ] {
            assert_eq!(covers(pattern, name), expected, "{pattern} {name}");
        }
    }
}
