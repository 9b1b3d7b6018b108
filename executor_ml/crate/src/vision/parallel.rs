//! Work on rows and on pictures, in this thread or in all of them.

use crate::cpu;
use crate::picture::Prepared;
use rayon::prelude::*;

/// `each` for every row of `length` values, with its number.
pub fn rows(
    out: &mut [f32],
    length: usize,
    threads: usize,
    each: impl Fn(usize, &mut [f32]) + Sync + Send,
) {
    match threads {
        0 | 1 => out.chunks_exact_mut(length).enumerate().for_each(|(i, row)| each(i, row)),
        _ => out.par_chunks_exact_mut(length).enumerate().for_each(|(i, row)| each(i, row)),
    }
}

/// x ← x + y
pub fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += *y);
}

/// `each` for pictures of one size, as many at a time as there are threads to take them; what it
/// gives of a picture has one length.
pub fn batches(
    pictures: &[&Prepared],
    each: impl Fn(&[&Prepared], usize) -> Vec<f32> + Sync,
) -> Vec<f32> {
    let threads = cpu::threads();
    let mut out = vec![];
    for group in pictures.chunk_by(|a, b| (a.height, a.width) == (b.height, b.width)) {
        match threads > 1 && group.len() >= threads {
            true => {
                let parts = group.par_chunks(group.len().div_ceil(threads));
                let done: Vec<Vec<f32>> = parts.map(|part| each(part, 1)).collect();
                out.extend(done.into_iter().flatten());
            }
            false => out.extend(each(group, threads)),
        }
    }
    out
}
