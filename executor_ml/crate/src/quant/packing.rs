//! What packings have in common, and that of Q8_0.

use super::machine::{Line, Machine, ROWS};
use super::packed::Packing;
use super::rounded::{QUADS, Vector};

/// Sixteen halves, which fill half a line.
const HALVES: usize = 2 * ROWS;

/// Puts a half of row `row` into the first or the second part of a line.
pub fn put_half(bytes: [u8; 2], row: usize, second: bool, line: &mut Line) {
    let at = usize::from(second) * HALVES + 2 * row;
    line[at..at + 2].copy_from_slice(&bytes);
}

#[inline(always)]
pub fn halves<M: Machine>(machine: M, line: &Line, second: bool) -> M::Floats {
    machine.halves(&line.as_chunks::<HALVES>().0[usize::from(second)])
}

/// Puts bytes, four into each line, where row `row` has its place.
pub fn spread(bytes: &[u8], row: usize, lines: &mut [Line]) {
    for (four, line) in bytes.as_chunks::<4>().0.iter().zip(lines) {
        line[4 * row..4 * row + 4].copy_from_slice(four);
    }
}

/// A line; `FRESH`: it comes from memory, and others behind it will.
#[inline(always)]
pub fn load<M: Machine, const FRESH: bool>(machine: M, line: &Line) -> M::Bytes {
    if FRESH {
        machine.ask_behind(line);
    }
    machine.load(line)
}

/// results + sums·scale·(the scale of each vector's part)
#[inline(always)]
pub fn add_scaled<M: Machine, const V: usize>(
    machine: M,
    results: &mut [M::Floats; V],
    sums: [M::Ints; V],
    scale: M::Floats,
    x: &[Vector<'_>; V],
    part: usize,
) {
    for v in 0..V {
        let scaled = machine.multiply(machine.floats(sums[v]), scale);
        results[v] = machine.fma(scaled, machine.float(x[v].scales[part]), results[v]);
    }
}

/// results - minimum·(the sum of each vector's part)
#[inline(always)]
pub fn take_minima<M: Machine, const V: usize>(
    machine: M,
    results: &mut [M::Floats; V],
    minimum: M::Floats,
    x: &[Vector<'_>; V],
    part: usize,
) {
    for v in 0..V {
        results[v] = machine.fma(minimum, machine.float(x[v].minima[part]), results[v]);
    }
}

/// Two parts' scales in a line, then their values plus 128.
pub struct Q8_0;

impl Packing for Q8_0 {
    const PARTS: usize = 2;
    const BYTES: usize = 2 * 34;
    const LINES: usize = 1 + 2 * QUADS;

    fn pack(block: &[u8], row: usize, lines: &mut [Line]) {
        for (part, bytes) in block.chunks_exact(34).enumerate() {
            put_half([bytes[0], bytes[1]], row, part == 1, &mut lines[0]);
            let levels: [u8; 32] = std::array::from_fn(|i| bytes[2 + i] ^ 128);
            spread(&levels, row, &mut lines[1 + part * QUADS..]);
        }
    }

    #[inline(always)]
    fn multiply<M: Machine, const V: usize, const FRESH: bool>(
        machine: M,
        group: &[Line],
        x: [Vector<'_>; V],
    ) -> [M::Floats; V] {
        let mut results = [machine.float(0.0); V];
        for (block, lines) in group.as_chunks::<{ 1 + 2 * QUADS }>().0.iter().enumerate() {
            for second in [false, true] {
                let part = 2 * block + usize::from(second);
                let mut sums = [machine.ints(0); V];
                for v in 0..V {
                    sums[v] = machine.start_around(x[v].sum(part));
                }
                for k in 0..QUADS {
                    let line = &lines[1 + usize::from(second) * QUADS + k];
                    let bytes = load::<M, FRESH>(machine, line);
                    for v in 0..V {
                        sums[v] = machine.dot_around(sums[v], bytes, &x[v].quads[part][k]);
                    }
                }
                let scale = halves(machine, &lines[0], second);
                add_scaled(machine, &mut results, sums, scale, &x, part);
            }
        }
        results
    }
}
