//! The machines of x86-64: AVX-512 with VNNI, AVX2 with VNNI, AVX2.
//!
//! SAFETY, of every block here and in `avx2` and `avx512`: the value of the machine is the proof that the processor has the
//! instructions, and references are to as many bytes as are read or written.

use super::{LINE, Line};
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

#[path = "machine_avx2.rs"]
mod avx2;
#[path = "machine_avx512.rs"]
mod avx512;

pub use avx2::{Avx2, AvxVnni};
pub use avx512::Avx512Vnni;

/// Whether `numeric::fma` is fused, so that all machines round alike.
const FUSED: bool = cfg!(target_feature = "fma");

/// Lines from one that is loaded to one that is asked for: what a core needs longer to compute than
/// memory to answer. Its own guess ends with a page.
const AHEAD: usize = 64;

/// There may be no line so far behind: asking for one is no access.
#[inline(always)]
fn ask(line: &Line) {
    let soon = line.as_ptr().wrapping_add(AHEAD * LINE);
    unsafe { _mm_prefetch::<_MM_HINT_T0>(soon.cast()) }
}
