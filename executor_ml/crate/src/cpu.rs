//! What this build needs of the CPU, and which kernels run on it.
//!
//! The vector code of this crate is compiled for one level (x86-64-v3 unless built otherwise);
//! the matrix products and the quantised kernels choose AVX-512 at run time.

/// The level this binary was compiled for.
pub const BUILD: &str = if cfg!(all(
    target_arch = "x86_64",
    target_feature = "avx2",
    target_feature = "fma",
    target_feature = "f16c"
)) {
    "x86-64-v3"
} else if cfg!(target_arch = "x86_64") {
    "x86-64"
} else {
    std::env::consts::ARCH
};

/// Read in the file by the Python package before it loads the binary: on a CPU below x86-64-v3
/// loading it would end in an illegal instruction instead of an error.
#[used]
static MARKER: &[u8] = if cfg!(all(target_arch = "x86_64", target_feature = "avx2")) {
    b"edgemesh_candle built for x86-64-v3"
} else {
    b"edgemesh_candle built for any cpu"
};

/// What models can be computed on. There are kernels for processors alone.
pub const DEVICES: [&str; 1] = ["cpu"];

/// Whether the AVX-512 kernels of this crate run here.
pub fn avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether the AVX2 kernels of this crate run here.
pub fn avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("f16c")
    }
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The best of the kernels in use, for people.
pub fn kernels() -> &'static str {
    match (avx512(), avx2()) {
        (true, _) => "avx512",
        (_, true) => "avx2",
        _ => "portable",
    }
}

/// Threads of the pool that all products share; RAYON_NUM_THREADS decides, read at first use.
pub fn threads() -> usize {
    rayon::current_num_threads()
}
