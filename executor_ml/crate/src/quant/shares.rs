//! The work of some matrices, split over threads.

use rayon::prelude::*;

/// `run` for parts of matrices that are told with how many units each has (rows, or groups of them):
/// its first unit, and where results [units, count] of the part belong.
pub fn shared<'a, M: Sync + 'a, T: Send>(
    matrices: impl Iterator<Item = (&'a M, usize)>,
    count: usize,
    results: &mut [T],
    threads: usize,
    run: impl Fn(&M, usize, &mut [T]) + Sync,
) {
    let mut rest = results;
    let mut parts = Vec::new();
    for (matrix, units) in matrices {
        let part;
        (part, rest) = rest.split_at_mut(units * count);
        let share = units.div_ceil(threads);
        for (i, chunk) in part.chunks_mut(share * count).enumerate() {
            parts.push((matrix, i * share, chunk));
        }
    }
    let each = |(matrix, first, out): (&M, usize, &mut [T])| run(matrix, first, out);
    if threads > 1 {
        parts.into_par_iter().for_each(each);
    } else {
        parts.into_iter().for_each(each);
    }
}
