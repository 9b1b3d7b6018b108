//! Sixteen lanes at a time: what the products of rounded vectors need of a processor.
//!
//! A value of a machine exists only where the processor has its instructions (`here`), so that its
//! operations are safe to call. All machines give the same bits: sums of integers are exact, and
//! floats are rounded in the same places. What is generic over a machine is compiled once more by
//! `Work::run` with its instructions switched on.

#[cfg(target_arch = "x86_64")]
#[path = "machine_x86.rs"]
mod x86;

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512Vnni, AvxVnni};

use half::f16;

/// Lanes: rows of a group.
pub const ROWS: usize = 16;
/// Bytes that are loaded at a time: four of each row.
pub const LINE: usize = 4 * ROWS;
pub type Line = [u8; LINE];

pub trait Machine: Copy + Send + Sync {
    /// A line.
    type Bytes: Copy;
    type Ints: Copy;
    type Floats: Copy;
    /// Vectors whose sums its registers hold.
    const VECTORS: usize;

    fn load(self, line: &Line) -> Self::Bytes;
    /// Asks memory for a line that will be loaded soon, some behind `line`.
    fn ask_behind(self, line: &Line);
    /// Of each byte the four low bits; the four high ones.
    fn low(self, bytes: Self::Bytes) -> Self::Bytes;
    fn high(self, bytes: Self::Bytes) -> Self::Bytes;
    fn or(self, a: Self::Bytes, b: Self::Bytes) -> Self::Bytes;
    /// Four bytes of each row, shifted to the right as one number (to the left where `by` is below
    /// zero), and what `mask` has of each byte.
    fn shifted(self, bytes: Self::Bytes, by: i32, mask: u8) -> Self::Bytes;
    /// Byte `index` of each row's four.
    fn byte(self, bytes: Self::Bytes, index: u32) -> Self::Ints;

    fn ints(self, value: i32) -> Self::Ints;
    /// sums + Σ byte·x of each row's four bytes, which are below 64.
    fn dot(self, sums: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints;
    /// What `dot_around` starts from for values whose sum is `sum`.
    fn start_around(self, sum: i32) -> Self::Ints;
    /// sums + Σ (byte - 128)·x, as long as they began with `start_around`; no x is -128.
    fn dot_around(self, sums: Self::Ints, bytes: Self::Bytes, x: &[i8; 4]) -> Self::Ints;

    fn floats(self, ints: Self::Ints) -> Self::Floats;
    fn halves(self, bytes: &[u8; 2 * ROWS]) -> Self::Floats;
    fn float(self, value: f32) -> Self::Floats;
    fn multiply(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// a·b + c, fused where `numeric::fma` is.
    fn fma(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    fn store(self, floats: Self::Floats, out: &mut [f32; ROWS]);

    /// Does work with the machine's instructions.
    fn run<W: Work>(self, work: W);
}

/// What is generic over a machine.
pub trait Work {
    fn with<M: Machine>(self, machine: M);
}

/// Any processor.
#[derive(Clone, Copy)]
pub struct Portable;

impl Machine for Portable {
    type Bytes = Line;
    type Ints = [i32; ROWS];
    type Floats = [f32; ROWS];
    const VECTORS: usize = 1;

    #[inline(always)]
    fn load(self, line: &Line) -> Line {
        *line
    }

    #[inline(always)]
    fn ask_behind(self, _: &Line) {}

    #[inline(always)]
    fn low(self, bytes: Line) -> Line {
        bytes.map(|b| b & 15)
    }

    #[inline(always)]
    fn high(self, bytes: Line) -> Line {
        bytes.map(|b| b >> 4)
    }

    #[inline(always)]
    fn or(self, a: Line, b: Line) -> Line {
        std::array::from_fn(|i| a[i] | b[i])
    }

    #[inline(always)]
    fn shifted(self, bytes: Line, by: i32, mask: u8) -> Line {
        let mut out = [0; LINE];
        for (four, out) in bytes.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
            let four = u32::from_le_bytes(*four);
            let four = if by < 0 { four << -by } else { four >> by };
            *out = four.to_le_bytes().map(|b| b & mask);
        }
        out
    }

    #[inline(always)]
    fn byte(self, bytes: Line, index: u32) -> [i32; ROWS] {
        std::array::from_fn(|i| i32::from(bytes[4 * i + index as usize]))
    }

    #[inline(always)]
    fn ints(self, value: i32) -> [i32; ROWS] {
        [value; ROWS]
    }

    #[inline(always)]
    fn dot(self, mut sums: [i32; ROWS], bytes: Line, x: &[i8; 4]) -> [i32; ROWS] {
        for (sum, four) in sums.iter_mut().zip(bytes.as_chunks::<4>().0) {
            for (byte, x) in four.iter().zip(x) {
                *sum += i32::from(*byte) * i32::from(*x);
            }
        }
        sums
    }

    #[inline(always)]
    fn start_around(self, _: i32) -> [i32; ROWS] {
        [0; ROWS]
    }

    #[inline(always)]
    fn dot_around(self, mut sums: [i32; ROWS], bytes: Line, x: &[i8; 4]) -> [i32; ROWS] {
        for (sum, four) in sums.iter_mut().zip(bytes.as_chunks::<4>().0) {
            for (byte, x) in four.iter().zip(x) {
                *sum += (i32::from(*byte) - 128) * i32::from(*x);
            }
        }
        sums
    }

    #[inline(always)]
    fn floats(self, ints: [i32; ROWS]) -> [f32; ROWS] {
        ints.map(|i| i as f32)
    }

    #[inline(always)]
    fn halves(self, bytes: &[u8; 2 * ROWS]) -> [f32; ROWS] {
        std::array::from_fn(|i| f16::from_le_bytes([bytes[2 * i], bytes[2 * i + 1]]).to_f32())
    }

    #[inline(always)]
    fn float(self, value: f32) -> [f32; ROWS] {
        [value; ROWS]
    }

    #[inline(always)]
    fn multiply(self, a: [f32; ROWS], b: [f32; ROWS]) -> [f32; ROWS] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn fma(self, a: [f32; ROWS], b: [f32; ROWS], c: [f32; ROWS]) -> [f32; ROWS] {
        std::array::from_fn(|i| crate::numeric::fma(a[i], b[i], c[i]))
    }

    #[inline(always)]
    fn store(self, floats: [f32; ROWS], out: &mut [f32; ROWS]) {
        *out = floats;
    }

    fn run<W: Work>(self, work: W) {
        work.with(self);
    }
}

/// Does work on the best machine there is.
pub fn run<W: Work>(work: W) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(machine) = Avx512Vnni::here() {
            return machine.run(work);
        }
        if let Some(machine) = AvxVnni::here() {
            return machine.run(work);
        }
        if let Some(machine) = Avx2::here() {
            return machine.run(work);
        }
    }
    Portable.run(work);
}
