//! gRPC's framing of an answer, followed piece by piece: whether it ends where a message ends.

use crate::seen::HEAD;

const PREFIX: usize = 5;

#[derive(Default)]
pub struct Framing {
    prefix: [u8; PREFIX],
    /// Bytes of the prefix that have come.
    read: usize,
    /// Bytes of the message that have not.
    left: usize,
    messages: usize,
    /// Bytes of all messages.
    bytes: u64,
    /// The first bytes of the last message.
    head: Vec<u8>,
}

impl Framing {
    pub fn take(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            if self.left > 0 {
                let step = self.left.min(piece.len());
                self.left -= step;
                self.bytes += step as u64;
                let kept = step.min(HEAD - self.head.len());
                self.head.extend_from_slice(&piece[..kept]);
                piece = &piece[step..];
                continue;
            }
            let step = (PREFIX - self.read).min(piece.len());
            self.prefix[self.read..self.read + step].copy_from_slice(&piece[..step]);
            self.read += step;
            piece = &piece[step..];
            if self.read == PREFIX {
                let [_, a, b, c, d] = self.prefix;
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.read = 0;
                self.messages += 1;
                self.head.clear();
            }
        }
    }

    /// Whether more came than one message.
    pub fn more_than_one(&self) -> bool {
        self.messages > 1
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The first bytes of the last message that came.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// Whether what came are whole messages: one, or of a stream any number.
    pub fn whole(&self, stream: bool) -> bool {
        self.read == 0 && self.left == 0 && (stream || self.messages == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(bytes: &[u8], step: usize) -> Framing {
        let mut framing = Framing::default();
        bytes.chunks(step).for_each(|piece| framing.take(piece));
        framing
    }

    #[test]
    fn an_answer_is_one_whole_message_however_it_is_cut() {
        let two = [0, 0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0];
        for step in 1..=two.len() {
            for end in 0..=two.len() {
                let framing = framing(&two[..end], step);
                assert_eq!(framing.whole(false), end == 8, "{end} bytes by {step}");
                assert_eq!(framing.whole(true), matches!(end, 0 | 8 | 13), "{end} by {step}");
                assert_eq!(framing.bytes(), end.saturating_sub(5).min(3) as u64);
                if end == 8 {
                    assert_eq!(framing.head(), [1, 2, 3]);
                }
            }
        }
    }
}
