//! What a call ends in: gRPC's status as trailers, and a failure's status read from them.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use h2::Reason;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

pub const OK: u32 = 0;
pub const CANCELLED: u32 = 1;
pub const UNKNOWN: u32 = 2;
pub const INVALID_ARGUMENT: u32 = 3;
pub const RESOURCE_EXHAUSTED: u32 = 8;
pub const PERMISSION_DENIED: u32 = 7;
pub const INTERNAL: u32 = 13;
pub const UNAVAILABLE: u32 = 14;

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a caller gets no answer, in words that Python found.
#[derive(Clone, Debug, Default)]
pub struct Refusal {
    pub code: u32,
    pub message: String,
    /// A serialised google.rpc.Status.
    pub details: Bytes,
    /// The mesh's reason, for the log; empty for what is not the mesh's.
    pub reason: String,
}

/// A call to an executor that failed, as it looked from here.
#[derive(Debug)]
pub struct Failure {
    pub code: u32,
    pub message: String,
    pub details: Bytes,
    /// The executor's trailers, if it sent any.
    pub trailers: Option<HeaderMap>,
    /// Whether the executor had begun.
    pub started: bool,
}

/// Trailers of a call that ended well.
pub fn ok() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    trailers
}

/// Trailers of a refusal.
pub fn refused(refusal: &Refusal) -> HeaderMap {
    let mut trailers = plain(refusal.code, &refusal.message);
    if !refusal.details.is_empty() {
        trailers.insert(DETAILS, text(&BASE64.encode(&refusal.details)));
    }
    trailers
}

/// Trailers of a code and a message.
pub fn plain(code: u32, message: &str) -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(4);
    trailers.insert(STATUS, HeaderValue::from(code));
    if !message.is_empty() {
        trailers.insert(MESSAGE, text(&utf8_percent_encode(message, ESCAPED).to_string()));
    }
    trailers
}

/// The code in trailers; UNKNOWN where there is none.
pub fn code(trailers: &HeaderMap) -> u32 {
    let said = trailers.get(STATUS).and_then(|value| value.to_str().ok()?.parse().ok());
    said.filter(|&code| code <= 16).unwrap_or(UNKNOWN)
}

/// The failure that an executor's trailers say.
pub fn failure(trailers: HeaderMap, started: bool) -> Failure {
    let message = trailers.get(MESSAGE).map_or_else(String::new, |value| {
        percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned()
    });
    let details = trailers.get(DETAILS).and_then(|value| BASE64.decode(value).ok());
    Failure {
        code: code(&trailers),
        message,
        details: details.unwrap_or_default().into(),
        trailers: Some(trailers),
        started,
    }
}

/// An executor's trailers as a caller may see them.
pub fn passed(mut trailers: HeaderMap) -> HeaderMap {
    let hidden: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| **name == CONTENT_TYPE || name.as_str().starts_with("edgemesh-"))
        .cloned()
        .collect();
    for name in hidden {
        trailers.remove(name);
    }
    trailers
}

/// The failure of a connection or a stream, by the codes that gRPC gives them.
pub fn broken(error: &h2::Error, started: bool) -> Failure {
    let code = match error.reason() {
        Some(Reason::CANCEL) => CANCELLED,
        Some(Reason::ENHANCE_YOUR_CALM) => RESOURCE_EXHAUSTED,
        Some(Reason::INADEQUATE_SECURITY) => PERMISSION_DENIED,
        Some(Reason::REFUSED_STREAM) | None => UNAVAILABLE,
        Some(_) if error.is_go_away() || error.is_io() => UNAVAILABLE,
        Some(_) => INTERNAL,
    };
    lost(code, format!("executor: {error}"), started)
}

/// A failure without trailers.
pub fn lost(code: u32, message: String, started: bool) -> Failure {
    Failure { code, message, details: Bytes::new(), trailers: None, started }
}

fn text(printable: &str) -> HeaderValue {
    HeaderValue::from_str(printable).unwrap_or_else(|_| HeaderValue::from_static(""))
}
