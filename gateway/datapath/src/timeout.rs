//! `grpc-timeout`: how long the caller waits, there and back.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

pub const NAME: &str = "grpc-timeout";
pub const EXPECTED: &str = "grpc-timeout: one to eight digits, then H, M, S, m, u or n";
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(NAME, HeaderValue::from_static(text));
        of(&headers)
    }

    #[test]
    fn what_is_written_is_read_and_never_longer() {
        for us in [0, 1, 999, 99_999_999, 100_000_000, 123_456_789_012, 1 << 60] {
            let left = Duration::from_micros(us);
            let written = value(left);
            let back =
                read(Box::leak(written.to_str().expect("ASCII").to_owned().into_boxed_str()));
            let back = back.expect("it can be read");
            assert!(back <= left);
            assert!(
                back == Duration::from_secs(99_999_999) || left - back < Duration::from_secs(1)
            );
        }
    }

    #[test]
    fn what_is_no_timeout_is_none() {
        for text in ["", "S", "1", "1x", "-1S", "+1S", "123456789S", "1 S", "\u{7f}m"] {
            assert_eq!(
                HeaderValue::from_str(text).ok().and_then(|value| {
                    let mut headers = HeaderMap::new();
                    headers.insert(NAME, value);
                    of(&headers)
                }),
                None,
                "{text}"
            );
        }
        assert_eq!(read("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
    }
}
