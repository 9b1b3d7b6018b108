//! Any bytes, in any pieces: the reader of heads ends, and pieces change nothing.

use bytes::Bytes;
use edgemesh_datapath::head::{Head, examine};
use edgemesh_datapath::rope::Rope;
use proptest::prelude::*;

fn rope(bytes: &[u8], cuts: &[usize]) -> Rope {
    let mut rope = Rope::default();
    let mut rest = Bytes::copy_from_slice(bytes);
    for cut in cuts {
        rope.push(rest.split_to(cut % (rest.len() + 1)));
    }
    rope.push(rest);
    rope
}

fn read(bytes: &[u8], cuts: &[usize]) -> Option<Head> {
    examine(rope(bytes, cuts).cursor())
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

/// A message that is as it must be, its fields in the order of `order`.
fn message(data: &[u8], order: &[usize]) -> Vec<u8> {
    let mut tensor = vec![0x08, 6]; // uint8
    let mut shape = Vec::new();
    varint(data.len() as u64, &mut shape);
    tensor.extend(field(2, &shape));
    tensor.extend(field(4, data));
    let entry = [field(1, b"x"), field(2, &tensor)].concat();
    let fields = [
        field(1, b"id-1"),
        field(2, b"a.b@1"),
        vec![0x18, 3],
        field(4, b"session"),
        field(5, &[0x08, 100]),
        field(7, b"{}"),
        field(15, &entry),
    ];
    let mut left: Vec<_> = fields.into();
    let mut out = Vec::new();
    for place in order {
        out.extend(left.remove(place % left.len()));
    }
    left.into_iter().for_each(|field| out.extend(field));
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..512),
                     cuts in prop::collection::vec(any::<usize>(), 0..8)) {
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
    }

    /// Bytes that look like a message reach further than any do.
    #[test]
    fn a_message_with_other_bytes_ends(
        data in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<usize>(), any::<u8>()), 0..4),
        end in any::<usize>(),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut bytes = message(&data, &[]);
        for (place, byte) in changes {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        bytes.truncate(end % (bytes.len() + 1));
        prop_assert_eq!(read(&bytes, &cuts), read(&bytes, &[]));
    }

    #[test]
    fn a_whole_message_is_read_in_any_order_and_pieces(
        data in prop::collection::vec(any::<u8>(), 0..300),
        order in prop::collection::vec(any::<usize>(), 0..7),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let head = read(&message(&data, &order), &cuts);
        let (request_id, algorithm) = ("id-1".to_owned(), "a.b@1".to_owned());
        prop_assert_eq!(head, Some(Head { request_id, algorithm, priority: 3, session: true }));
    }
}

/// Grants are Python's to give, wherever in the message they are asked for.
#[test]
fn a_request_for_a_grant_is_left_to_python() {
    let (whole, grant) = (message(b"", &[]), field(6, b"call:*"));
    assert!(read(&whole, &[]).is_some());
    assert_eq!(read(&[&grant[..], &whole].concat(), &[]), None);
    assert_eq!(read(&[&whole[..], &grant].concat(), &[]), None);
}

#[test]
fn a_length_beyond_all_is_no_length() {
    for tail in [&[0xff; 9][..], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
        for start in [0x0a, 0x12, 0x2a, 0x3a, 0x7a] {
            assert_eq!(read(&[&[start], tail].concat(), &[]), None);
        }
    }
}
