//! Headers as gRPC's own server reads them, so that what one caller wrote troubles that caller alone.
//!
//! Rules: that server keeps, beside a header that it could not read, the failure, and tells it of
//! later calls on the same connection whose header has the same name; all our callers share one. So
//! none goes there that it reads and could not: what the protocol has for itself (`grpc-…`) and does
//! not ask of a caller, and what is called binary and is no base64, is left out.

use http::header::{HeaderMap, HeaderName, HeaderValue, TE};

const BINARY: &str = "-bin";
const RESERVED: [&str; 2] = ["grpc-", "lb-"];

/// Leave out what could not be read. `grpc-timeout` is put there by whoever has read it.
pub fn keep(headers: &mut HeaderMap) {
    let strange: Vec<HeaderName> = headers
        .iter()
        .filter(|(name, value)| !readable(name.as_str(), value.as_bytes()))
        .map(|(name, _)| name.clone())
        .collect();
    for name in strange {
        headers.remove(name);
    }
    if headers.contains_key(TE) {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

fn readable(name: &str, value: &[u8]) -> bool {
    match name {
        "grpc-accept-encoding" => true,
        "grpc-encoding" => matches!(value, b"identity" | b"gzip" | b"deflate"),
        _ if RESERVED.iter().any(|prefix| name.starts_with(prefix)) => false,
        _ => !name.ends_with(BINARY) || base64(value),
    }
}

/// Whether it is base64, padded or not.
fn base64(value: &[u8]) -> bool {
    let ends = value.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let text = &value[..value.len() - ends];
    let padded = ends == 0 || value.len().is_multiple_of(4);
    padded
        && text.len() % 4 != 1
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &'static str, value: &'static [u8]) -> bool {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(value).expect("a value");
        headers.insert(HeaderName::from_static(name), value);
        keep(&mut headers);
        headers.contains_key(name)
    }

    #[test]
    fn what_grpc_cannot_read_is_left_out() {
        for (name, value) in [
            ("grpc-timeout", b"1.5m".as_slice()),
            ("grpc-encoding", b"snappy"),
            ("grpc-status", b"x"),
            ("grpc-retry-pushback-ms", b"soon"),
            ("lb-cost-bin", b"AA"),
            ("x-bin", b"*"),
            ("x-bin", b"A"),
            ("x-bin", b"AAA=A"),
            ("x-bin", b"AAAAA==="),
        ] {
            assert!(!kept(name, value), "{name}: {value:?}");
        }
    }

    #[test]
    fn what_it_reads_stays() {
        for (name, value) in [
            ("grpc-encoding", b"gzip".as_slice()),
            ("grpc-accept-encoding", b"identity,gzip"),
            ("x-bin", b""),
            ("x-bin", b"AA"),
            ("x-bin", b"AA=="),
            ("x-bin", b"+/+/"),
            ("authorization", b"Bearer *"),
        ] {
            assert!(kept(name, value), "{name}: {value:?}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(TE, HeaderValue::from_static("gzip"));
        keep(&mut headers);
        assert_eq!(headers[TE], "trailers");
    }
}
