//! Weight matrices in a layout of our own, multiplied with vectors that are rounded to eight bits.
//!
//! Sixteen rows lie side by side: a line of 64 bytes has four values of each, which one instruction
//! multiplies with four values of a vector. Nothing is summed across lanes, and a group of rows is
//! read from its first byte to its last. Results are the same bits on every machine, whatever
//! vectors are multiplied beside.
//!
//! The copy costs as much memory as the file has bytes, whose pages are let go.

use super::format::PART;
use super::machine::{LINE, Line, Machine, ROWS, Work, run};
use super::packing::Q8_0;
use super::packing_k::{Q4K, Q5K, Q6K};
use super::rounded::{Rounded, Vector};
use super::shares::shared;
use crate::tensor_bytes::TensorBytes;
use candle_core::quantized::GgmlDType;
use memmap2::MmapMut;
use rayon::prelude::*;
use std::io::Result;
use std::marker::PhantomData;

/// How weights of a type are packed and multiplied.
pub trait Packing: 'static {
    /// Parts in a block, and its bytes in a file.
    const PARTS: usize;
    const BYTES: usize;
    /// Lines of a block of sixteen rows.
    const LINES: usize;

    /// Packs one block of row `row` of a group.
    fn pack(block: &[u8], row: usize, lines: &mut [Line]);

    /// Sixteen rows with some vectors; `FRESH`: the rows come from memory, not from a cache.
    fn multiply<M: Machine, const V: usize, const FRESH: bool>(
        machine: M,
        group: &[Line],
        vectors: [Vector<'_>; V],
    ) -> [M::Floats; V];
}

pub struct PackedMatrix {
    pub rows: usize,
    pub columns: usize,
    lines: Lines,
    /// Of a group of rows.
    group: usize,
    multiply: fn(&[Line], usize, &Rounded, &mut [[f32; ROWS]]),
}

/// Memory in large pages, where the system has them.
struct Lines(MmapMut);

impl Lines {
    fn new(count: usize) -> Result<Self> {
        let map = MmapMut::map_anon(count * LINE)?;
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage); // slower without, and right
        Ok(Self(map))
    }

    fn get(&self) -> &[Line] {
        self.0.as_chunks().0
    }
}

impl PackedMatrix {
    /// None where the type has no packing here, or rows are no whole blocks; fails where there is no
    /// memory, for unrounded products would give other answers.
    pub fn new(tensor: &TensorBytes) -> Result<Option<Self>> {
        let pack = match tensor.dtype {
            GgmlDType::Q8_0 => Self::of::<Q8_0>,
            GgmlDType::Q4K => Self::of::<Q4K>,
            GgmlDType::Q5K => Self::of::<Q5K>,
            GgmlDType::Q6K => Self::of::<Q6K>,
            _ => return Ok(None),
        };
        let &[rows, columns] = tensor.dims.as_slice() else { return Ok(None) };
        let matrix = pack(tensor.bytes(), rows, columns)?;
        tensor.let_go();
        Ok(matrix)
    }

    pub fn of<P: Packing>(bytes: &[u8], rows: usize, columns: usize) -> Result<Option<Self>> {
        if rows == 0 || columns == 0 || !columns.is_multiple_of(P::PARTS * PART) {
            return Ok(None);
        }
        let blocks = columns / (P::PARTS * PART);
        let group = blocks * P::LINES;
        let mut lines = Lines::new(rows.div_ceil(ROWS) * group)?;
        let all = lines.0.as_chunks_mut::<LINE>().0;
        let rows_of_groups = bytes.par_chunks(ROWS * blocks * P::BYTES);
        all.par_chunks_exact_mut(group).zip(rows_of_groups).for_each(|(lines, rows)| {
            for (row, bytes) in rows.chunks_exact(blocks * P::BYTES).enumerate() {
                let lines = lines.chunks_exact_mut(P::LINES);
                for (block, lines) in bytes.chunks_exact(P::BYTES).zip(lines) {
                    P::pack(block, row, lines);
                }
            }
        });
        let made = Self { rows, columns, lines, group, multiply: multiply::<P> };
        Ok(Some(made))
    }

    pub fn groups(&self) -> usize {
        self.rows.div_ceil(ROWS)
    }

    /// `x` with groups from `first` on, as many as fit `out` [groups, vectors].
    pub fn multiply(&self, first: usize, x: &Rounded, out: &mut [[f32; ROWS]]) {
        let lines = &self.lines.get()[first * self.group..];
        (self.multiply)(lines, self.group, x, out);
    }
}

fn multiply<P: Packing>(lines: &[Line], group: usize, x: &Rounded, out: &mut [[f32; ROWS]]) {
    run(Groups::<P> { lines, group, x, out, packing: PhantomData });
}

/// With vectors rounded to eight bits: the same bits for each, however many there are.
pub fn multiply_packed(
    x: &[f32],
    outputs: &mut [(&PackedMatrix, &mut [f32])],
    rounded: &mut Rounded,
    lanes: &mut Vec<[f32; ROWS]>,
    threads: usize,
) {
    let columns = outputs[0].0.columns;
    let count = x.len() / columns;
    rounded.set(x, columns);
    let groups = outputs.iter().map(|(matrix, _)| matrix.groups()).sum::<usize>();
    lanes.resize(lanes.len().max(groups * count), [0.0; ROWS]);
    let matrices = outputs.iter().map(|(matrix, _)| (*matrix, matrix.groups()));
    shared(matrices, count, lanes, threads, |matrix, first, out| {
        matrix.multiply(first, rounded, out);
    });
    let mut results = &lanes[..];
    for (matrix, out) in outputs {
        let part;
        (part, results) = results.split_at(matrix.groups() * count);
        for (v, out) in out.chunks_exact_mut(matrix.rows).enumerate() {
            for (out, group) in out.chunks_mut(ROWS).zip(part.chunks_exact(count)) {
                out.copy_from_slice(&group[v][..out.len()]);
            }
        }
    }
}

/// Groups of rows with all vectors.
struct Groups<'a, P> {
    lines: &'a [Line],
    group: usize,
    x: &'a Rounded,
    out: &'a mut [[f32; ROWS]],
    packing: PhantomData<P>,
}

impl<P: Packing> Work for Groups<'_, P> {
    #[inline(always)]
    fn with<M: Machine>(self, machine: M) {
        let count = self.x.count();
        let groups = self.lines.chunks_exact(self.group);
        for (group, out) in groups.zip(self.out.chunks_exact_mut(count)) {
            let mut at = 0;
            while at < count {
                let out = &mut out[at..];
                // What a machine has no registers for is not compiled for it.
                at += if M::VECTORS >= 8 && out.len() >= 8 {
                    some::<P, M, 8>(machine, group, self.x, at, out)
                } else if M::VECTORS >= 4 && out.len() >= 4 {
                    some::<P, M, 4>(machine, group, self.x, at, out)
                } else if M::VECTORS >= 2 && out.len() >= 2 {
                    some::<P, M, 2>(machine, group, self.x, at, out)
                } else {
                    some::<P, M, 1>(machine, group, self.x, at, out)
                };
            }
        }
    }
}

/// The vectors from `first` on, `V` of them; gives `V`.
#[inline(always)]
fn some<P: Packing, M: Machine, const V: usize>(
    machine: M,
    group: &[Line],
    x: &Rounded,
    first: usize,
    out: &mut [[f32; ROWS]],
) -> usize {
    let vectors = std::array::from_fn(|v| x.vector(first + v));
    let results = if M::VECTORS > 1 && first == 0 {
        P::multiply::<M, V, true>(machine, group, vectors)
    } else {
        P::multiply::<M, V, false>(machine, group, vectors)
    };
    for v in 0..V {
        machine.store(results[v], &mut out[v]);
    }
    V
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
