//! What an answer tells of itself, read from its first bytes: for the record of its request.
//!
//! Rules: an executor's bytes are untrusted: what does not parse tells nothing. At most HEAD bytes
//! are kept of a message. Python reads the same where it moves the bytes (`accounting/seen.py`).

/// Bytes of a message that are kept to be looked at.
pub const HEAD: usize = 4096;
const MOST_NAME: usize = 320;
/// The last field of a ComputeEvent.
const RESPONSE: u64 = 15;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// An Outcome; 0: none was seen.
    pub outcome: u32,
    /// What ran, with its version.
    pub algorithm: String,
    pub queue_us: u64,
    pub run_us: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
}

/// A field: its number, and its value, or what of its bytes is there.
enum Value<'a> {
    Number(u64),
    /// And whether all of them are.
    Bytes(&'a [u8], bool),
}

/// What the head of an answer tells; of a stream, that of its last event.
pub fn seen(head: &[u8], stream: bool) -> Seen {
    if !stream {
        return response(head);
    }
    let mut rest = head;
    while let Some((field, value)) = next(&mut rest) {
        match (field, value) {
            (RESPONSE, Value::Bytes(bytes, _)) => return response(bytes),
            (1, _) => {}
            _ => break,
        }
    }
    Seen::default()
}

fn response(mut head: &[u8]) -> Seen {
    let mut seen = Seen::default();
    while let Some((field, value)) = next(&mut head) {
        match (field, value) {
            (2, Value::Number(outcome)) => {
                seen.outcome =
                    u32::try_from(outcome).ok().filter(|&o| o <= i32::MAX as u32).unwrap_or(0);
            }
            (4, Value::Bytes(usage, true)) => used(usage, &mut seen),
            (6, Value::Bytes(name, true)) => {
                let name = &name[..name.len().min(MOST_NAME)];
                if name.is_ascii() {
                    seen.algorithm = String::from_utf8_lossy(name).into_owned();
                }
            }
            (7.., _) => break,
            _ => {}
        }
    }
    seen
}

fn used(mut usage: &[u8], seen: &mut Seen) {
    while let Some((field, value)) = next(&mut usage) {
        let Value::Number(number) = value else { continue };
        let number = number.min(i64::MAX as u64);
        match field {
            1 => seen.queue_us = number,
            2 => seen.run_us = number,
            12 => seen.input_tokens = number,
            13 => seen.output_tokens = number,
            _ => {}
        }
    }
}

/// The next field; None at the end, or where it is none.
fn next<'a>(rest: &mut &'a [u8]) -> Option<(u64, Value<'a>)> {
    let tag = varint(rest)?;
    let value = match tag & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Bytes(take(rest, 8).0, true),
        2 => {
            let length = usize::try_from(varint(rest)?).ok()?;
            let (bytes, whole) = take(rest, length);
            Value::Bytes(bytes, whole)
        }
        5 => Value::Bytes(take(rest, 4).0, true),
        _ => return None,
    };
    Some((tag >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> (&'a [u8], bool) {
    let whole = length <= rest.len();
    let (bytes, left) = rest.split_at(length.min(rest.len()));
    *rest = left;
    (bytes, whole)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, left) = rest.split_first()?;
        *rest = left;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Request id "r", outcome 1, usage with queue 5, run 300, 7 and 9 tokens, algorithm "a.b@1".
    const ANSWER: [u8; 23] = [
        0x0a, 1, b'r', 0x10, 1, 0x22, 9, 0x08, 5, 0x10, 0xac, 2, 0x60, 7, 0x68, 9, 0x32, 5, b'a',
        b'.', b'b', b'@', b'1',
    ];

    fn expected() -> Seen {
        Seen {
            outcome: 1,
            algorithm: "a.b@1".into(),
            queue_us: 5,
            run_us: 300,
            input_tokens: 7,
            output_tokens: 9,
        }
    }

    #[test]
    fn an_answer_and_a_last_event_tell_the_same() {
        assert_eq!(seen(&ANSWER, false), expected());
        let mut event = vec![0x08, 3, 0x7a, ANSWER.len() as u8];
        event.extend(ANSWER);
        assert_eq!(seen(&event, true), expected());
        assert_eq!(seen(&[0x08, 3, 0x1a, 1, 0], true), Seen::default());
    }

    #[test]
    fn what_is_cut_off_or_garbage_tells_less_and_nothing_wrong() {
        for end in 0..ANSWER.len() {
            let some = seen(&ANSWER[..end], false);
            assert!(some.outcome == 0 || some.outcome == 1);
            assert!(some.algorithm.is_empty());
            assert!(some.run_us == 0 || some.run_us == 300);
        }
        assert_eq!(seen(&[0xff; 40], false), Seen::default());
        assert_eq!(seen(&[0xff; 40], true), Seen::default());
    }
}
