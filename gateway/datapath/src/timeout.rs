//! `grpc-timeout`: how long the caller waits, there and back.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

pub const NAME: &str = "grpc-timeout";
const MOST_DIGITS: usize = 8;

/// What a call's headers say; None: nothing, or nothing that can be understood.
pub fn of(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(NAME)?.to_str().ok()?;
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    if !(1..=MOST_DIGITS).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

/// The header that says it, as finely as eight digits can, never longer than it is.
pub fn value(left: Duration) -> HeaderValue {
    let most = 10u128.pow(MOST_DIGITS as u32);
    let text = if left.as_micros() < most {
        format!("{}u", left.as_micros())
    } else if left.as_millis() < most {
        format!("{}m", left.as_millis())
    } else {
        format!("{}S", left.as_secs().min(99_999_999))
    };
    HeaderValue::from_str(&text).expect("digits and a letter")
}
