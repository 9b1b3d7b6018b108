//! How the K types are packed, super-blocks of 256 values, and sixteen rows of them multiplied.

use super::machine::{Line, Machine};
use super::packed::Packing;
use super::packing::{add_scaled, halves, load, put_half, spread, take_minima};
use super::rounded::{QUADS, Vector};

const PARTS: usize = 8;
/// Lines of scales and minima: sixteen of both in the first, then those of parts, six bits each.
const SMALL: usize = 4;
/// Lines of values in four bits: two parts share bytes.
const NIBBLES: usize = PARTS / 2 * QUADS;

/// Scales and minima, then values.
pub struct Q4K;
/// Scales and minima, then the fifth bits of all parts in one byte, then the other four.
pub struct Q5K;
/// Scales, then sixteen small ones of each row plus 128, then low bits, then two high ones of four
/// parts in a byte.
pub struct Q6K;

impl Packing for Q4K {
    const PARTS: usize = PARTS;
    const BYTES: usize = 144;
    const LINES: usize = SMALL + NIBBLES;

    fn pack(block: &[u8], row: usize, lines: &mut [Line]) {
        pack_with_minima(block, row, lines);
    }

    #[inline(always)]
    fn multiply<M: Machine, const V: usize, const FRESH: bool>(
        machine: M,
        group: &[Line],
        x: [Vector<'_>; V],
    ) -> [M::Floats; V] {
        let mut results = [machine.float(0.0); V];
        for (block, lines) in group.as_chunks::<{ SMALL + NIBBLES }>().0.iter().enumerate() {
            with_minima::<M, V, FRESH, false>(machine, &mut results, lines, &x, block);
        }
        results
    }
}

impl Packing for Q5K {
    const PARTS: usize = PARTS;
    const BYTES: usize = 176;
    const LINES: usize = SMALL + QUADS + NIBBLES;

    fn pack(block: &[u8], row: usize, lines: &mut [Line]) {
        pack_with_minima(block, row, lines);
    }

    #[inline(always)]
    fn multiply<M: Machine, const V: usize, const FRESH: bool>(
        machine: M,
        group: &[Line],
        x: [Vector<'_>; V],
    ) -> [M::Floats; V] {
        let mut results = [machine.float(0.0); V];
        for (block, lines) in group.as_chunks::<{ SMALL + QUADS + NIBBLES }>().0.iter().enumerate()
        {
            with_minima::<M, V, FRESH, true>(machine, &mut results, lines, &x, block);
        }
        results
    }
}

/// Everything but the two halves as it lies in a file.
fn pack_with_minima(block: &[u8], row: usize, lines: &mut [Line]) {
    put_half([block[0], block[1]], row, false, &mut lines[0]);
    put_half([block[2], block[3]], row, true, &mut lines[0]);
    spread(&block[4..], row, &mut lines[1..]);
}

/// Adds the products of a block.
#[inline(always)]
fn with_minima<M: Machine, const V: usize, const FRESH: bool, const FIFTH: bool>(
    machine: M,
    results: &mut [M::Floats; V],
    lines: &[Line],
    x: &[Vector<'_>; V],
    block: usize,
) {
    let values = if FIFTH { SMALL + QUADS } else { SMALL };
    let (small_scales, small_minima) = six_bits(machine, lines);
    let scale = halves(machine, &lines[0], false);
    let minimum = halves(machine, &lines[0], true);
    for pair in 0..PARTS / 2 {
        for high in [false, true] {
            let index = 2 * pair + usize::from(high);
            let part = block * PARTS + index;
            let mut sums = [machine.ints(0); V];
            for k in 0..QUADS {
                let bytes = load::<M, FRESH>(machine, &lines[values + pair * QUADS + k]);
                let mut levels = if high { machine.high(bytes) } else { machine.low(bytes) };
                if FIFTH {
                    let bits = machine.load(&lines[SMALL + k]);
                    levels = machine.or(levels, machine.shifted(bits, index as i32 - 4, 16));
                }
                for v in 0..V {
                    sums[v] = machine.dot(sums[v], levels, &x[v].quads[part][k]);
                }
            }
            let (four, byte) = (index / 4, index as u32 % 4);
            let small = machine.floats(machine.byte(small_scales[four], byte));
            add_scaled(machine, results, sums, machine.multiply(scale, small), x, part);
            let small = machine.floats(machine.byte(small_minima[four], byte));
            take_minima(machine, results, machine.multiply(minimum, small), x, part);
        }
    }
}

/// The small scales and minima of a block, four parts' in each: ggml's twelve bytes have the first
/// four scales, the first four minima, then the low bits of the others, whose two high bits are
/// above those of the first.
#[inline(always)]
fn six_bits<M: Machine>(machine: M, lines: &[Line]) -> ([M::Bytes; 2], [M::Bytes; 2]) {
    let [a, b, c] = [machine.load(&lines[1]), machine.load(&lines[2]), machine.load(&lines[3])];
    let first = |bytes| machine.shifted(bytes, 0, 63);
    let second = |low, bytes| machine.or(low, machine.shifted(bytes, 2, 0x30));
    ([first(a), second(machine.low(c), a)], [first(b), second(machine.high(c), b)])
}

/// Where of a Q6K block's lines small scales, low and high bits begin.
const SCALES: usize = 1;
const LOW: usize = SCALES + 4;
const HIGH: usize = LOW + NIBBLES;
const Q6K_LINES: usize = HIGH + NIBBLES / 2;

impl Packing for Q6K {
    const PARTS: usize = PARTS;
    const BYTES: usize = 210;
    const LINES: usize = Q6K_LINES;

    fn pack(block: &[u8], row: usize, lines: &mut [Line]) {
        put_half([block[208], block[209]], row, false, &mut lines[0]);
        let scales: [u8; 16] = std::array::from_fn(|i| block[192 + i] ^ 128);
        spread(&scales, row, &mut lines[SCALES..]);
        spread(&block[..192], row, &mut lines[LOW..]);
    }

    #[inline(always)]
    fn multiply<M: Machine, const V: usize, const FRESH: bool>(
        machine: M,
        group: &[Line],
        x: [Vector<'_>; V],
    ) -> [M::Floats; V] {
        let mut results = [machine.float(0.0); V];
        let (one, below) = (machine.float(1.0), machine.float(-128.0));
        for (block, lines) in group.as_chunks::<Q6K_LINES>().0.iter().enumerate() {
            let scale = halves(machine, &lines[0], false);
            for index in 0..PARTS {
                let part = block * PARTS + index;
                let (middle, quarter) = (index / 4, index % 4);
                let low = LOW + (2 * middle + quarter % 2) * QUADS;
                let high = HIGH + middle * QUADS;
                for half in 0..2 {
                    let mut sums = [machine.ints(0); V];
                    for v in 0..V {
                        sums[v] = machine.ints(-32 * x[v].sums[part][half]);
                    }
                    for k in half * QUADS / 2..(half + 1) * QUADS / 2 {
                        let bytes = load::<M, FRESH>(machine, &lines[low + k]);
                        let four =
                            if quarter < 2 { machine.low(bytes) } else { machine.high(bytes) };
                        let bits = load::<M, FRESH>(machine, &lines[high + k]);
                        let two = machine.shifted(bits, 2 * quarter as i32 - 4, 0x30);
                        let levels = machine.or(four, two);
                        for v in 0..V {
                            sums[v] = machine.dot(sums[v], levels, &x[v].quads[part][k]);
                        }
                    }
                    let at = 2 * index + half;
                    let small = machine.load(&lines[SCALES + at / 4]);
                    let small = machine.floats(machine.byte(small, at as u32 % 4));
                    let small = machine.fma(small, one, below);
                    let scale = machine.multiply(scale, small);
                    add_scaled(machine, &mut results, sums, scale, &x, part);
                }
            }
        }
        results
    }
}
