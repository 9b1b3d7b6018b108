//! Reads of a ComputeRequest what routing needs, and looks whether all of it is as it must be.
//!
//! Rules: whatever `examine` lets through, the gateway's Python would admit, with the same head; of
//! what is unusual, wrong or not known here it makes no judgement but leaves it to Python, which
//! says what is wrong. Tensors' bytes are counted, never read.

use std::borrow::Cow;

use crate::rope::Cursor;

const MOST_ID: usize = 128;
const MOST_NAME: usize = 128;
const MOST_ALGORITHM: usize = 255;
const MOST_PARAMETERS: usize = 4 << 20;
const MOST_INPUTS: usize = 1024;
const MOST_PRIORITY: u64 = 3;
const MOST_DIMENSIONS: usize = 32;
const MOST_MEDIA_TYPE: usize = 255;
const MOST_TENSOR_FIELDS: usize = 40;
/// Bytes of a tensor and its name beside its data.
const MOST_TENSOR_HEAD: usize = 4000;
const MOST_PRODUCT: u128 = 1 << 62;
/// Bytes of one element, by the number of the DataType.
const ITEM_BYTES: [u128; 17] = [0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 1];
const DATA_TYPE_BYTES: u64 = 16;

const VARINT: u64 = 0;
const BYTES: u64 = 2;

/// What routing reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Empty: the caller gave none.
    pub request_id: String,
    pub algorithm: String,
    /// As on the wire; 0: unspecified.
    pub priority: u8,
    /// Whether it names one.
    pub session: bool,
}

/// The head of a message that is whole and as it must be; None where Python has to look.
pub fn examine(mut message: Cursor<'_>) -> Option<Head> {
    let mut head = Head::default();
    let mut names: Vec<Cow<'_, [u8]>> = Vec::new();
    let mut seen = 0u32;
    while message.left() > 0 {
        let tag = message.varint()?;
        let (field, wire) = (tag >> 3, tag & 7);
        if field != 15 {
            // A field that comes twice is legal and rare.
            let bit = 1u32.checked_shl(u32::try_from(field).ok()?)?;
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        match (field, wire) {
            (1, BYTES) => {
                head.request_id = text(&mut message, MOST_ID)?;
                if !head.request_id.is_empty() && !is_id(&head.request_id) {
                    return None;
                }
            }
            (2, BYTES) => {
                head.algorithm = text(&mut message, MOST_ALGORITHM)?;
                if !head.algorithm.bytes().all(|byte| is_word(byte) || byte == b'@') {
                    return None;
                }
            }
            (3, VARINT) => {
                let priority = message.varint().filter(|&p| p <= MOST_PRIORITY)?;
                head.priority = u8::try_from(priority).ok()?;
            }
            (4, BYTES) => head.session = !text(&mut message, MOST_NAME)?.is_empty(),
            (5, BYTES) => {
                let length = message.length()?;
                limits(message.split(length)?)?;
            }
            // What a request asks for beyond its box is granted by Python.
            (6, BYTES) => return None,
            (7, BYTES) => {
                let length = message.length().filter(|&length| length <= MOST_PARAMETERS)?;
                std::str::from_utf8(&message.take(length)?).ok()?;
            }
            (15, BYTES) => {
                let length = message.length()?;
                names.push(input(message.split(length)?)?);
                if names.len() > MOST_INPUTS {
                    return None;
                }
            }
            _ => return None,
        }
    }
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
    (!twice && !head.algorithm.is_empty()).then_some(head)
}

/// Whether a caller's id may appear in logs and headers.
pub fn is_id(text: &str) -> bool {
    (1..=MOST_ID).contains(&text.len()) && text.bytes().all(is_word)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

fn text(cursor: &mut Cursor<'_>, most: usize) -> Option<String> {
    let length = cursor.length().filter(|&length| length <= most)?;
    String::from_utf8(cursor.take(length)?.into_owned()).ok()
}

fn limits(mut message: Cursor<'_>) -> Option<()> {
    while message.left() > 0 {
        let tag = message.varint()?;
        if tag & 7 != VARINT || !(1..=7).contains(&(tag >> 3)) {
            return None;
        }
        message.varint()?;
    }
    Some(())
}

/// The name of an entry of `inputs` whose tensor does not contradict itself.
fn input(mut entry: Cursor<'_>) -> Option<Cow<'_, [u8]>> {
    let whole = entry.left();
    if entry.varint()? != 1 << 3 | BYTES {
        return None;
    }
    let length = entry.length()?;
    let name = entry.take(length)?;
    std::str::from_utf8(&name).ok()?;
    if entry.varint()? != 2 << 3 | BYTES || entry.length()? != entry.left() {
        return None;
    }
    let data = tensor(entry)?;
    (whole - data <= MOST_TENSOR_HEAD).then_some(name)
}

/// The length of a tensor's data, where it is what dtype and shape say.
fn tensor(mut message: Cursor<'_>) -> Option<usize> {
    let (mut dtype, mut data, mut media_type) = (None, None, false);
    let mut shape = [0u64; MOST_DIMENSIONS];
    let (mut rank, mut fields) = (0, 0);
    while message.left() > 0 {
        fields += 1;
        if fields > MOST_TENSOR_FIELDS {
            return None;
        }
        match message.varint()? {
            0x08 if dtype.is_none() => dtype = Some(message.varint()?),
            0x10 => push(&mut shape, &mut rank, message.varint()?)?,
            0x12 => {
                let length = message.length()?;
                let mut packed = message.split(length)?;
                while packed.left() > 0 {
                    push(&mut shape, &mut rank, packed.varint()?)?;
                }
            }
            0x1a if !media_type => {
                media_type = true;
                text(&mut message, MOST_MEDIA_TYPE)?;
            }
            0x22 if data.is_none() => {
                let length = message.length()?;
                message.skip(length)?;
                data = Some(length);
            }
            _ => return None,
        }
    }
    let (dtype, data) = (dtype?, data?);
    let item = *ITEM_BYTES.get(usize::try_from(dtype).ok()?)?;
    let shape = &shape[..rank];
    let mut product = item;
    for &length in shape {
        product *= u128::from(length.max(1));
        if product == 0 || product > MOST_PRODUCT {
            return None;
        }
    }
    let size = if shape.contains(&0) { 0 } else { product };
    let free = dtype == DATA_TYPE_BYTES && rank == 0;
    (item > 0 && (free || size == data as u128)).then_some(data)
}

fn push(shape: &mut [u64; MOST_DIMENSIONS], rank: &mut usize, length: u64) -> Option<()> {
    // As an int64 it would be negative.
    if length > i64::MAX as u64 {
        return None;
    }
    *shape.get_mut(*rank)? = length;
    *rank += 1;
    Some(())
}
