//! Matrix products on slices with strides, checked once and handed to `gemm`.
//!
//! The only `unsafe` of the arithmetic: `Matrix` and `MatrixMut` prove on construction that every
//! element they name lies in their slice.

use gemm::Parallelism;

/// A read-only matrix over a slice: element (i, j) lies at i·row_stride + j·column_stride.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values, `row_stride` apart. Panics where the slice is too short.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(data.len(), rows, columns, row_stride);
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A writable row-major matrix over a slice.
pub struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows of `columns` values, `row_stride` apart. Panics where the slice is too short.
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(data.len(), rows, columns, row_stride);
        Self { data, rows, columns, row_stride }
    }
}

fn check(length: usize, rows: usize, columns: usize, row_stride: usize) {
    assert!(columns <= row_stride, "rows overlap");
    let needed = match rows {
        0 => 0,
        _ => (rows - 1) * row_stride + columns,
    };
    assert!(needed <= length, "{needed} values needed, {length} given");
}

/// out ← scale·a·b on `threads` threads of the global pool.
pub fn matmul(out: MatrixMut<'_>, a: Matrix<'_>, b: Matrix<'_>, scale: f32, threads: usize) {
    assert_eq!(a.columns, b.rows, "inner dimensions differ");
    assert_eq!((out.rows, out.columns), (a.rows, b.columns), "output shape");
    let parallelism = match threads {
        0 | 1 => Parallelism::None,
        n => Parallelism::Rayon(n),
    };
    // SAFETY: the constructors proved that all strides stay inside their slices, and `out` is
    // borrowed mutably, so it aliases neither input.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.data.as_mut_ptr(),
            1,
            out.row_stride as isize,
            false,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            0.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 31 + seed * 17) % 23) as f32 / 11.0 - 1.0).collect()
    }

    #[test]
    fn strides_and_transposes_equal_the_definition() {
        for (m, n, k) in [(1, 5, 7), (3, 16, 4), (17, 9, 33), (64, 48, 32)] {
            let (a, b) = (values(m * (k + 3), 1), values(n * (k + 5), 2));
            let mut out = vec![0.0; m * (n + 2)];
            matmul(
                MatrixMut::new(&mut out, m, n, n + 2),
                Matrix::new(&a, m, k, k + 3),
                Matrix::new(&b, n, k, k + 5).transposed(),
                0.5,
                1,
            );
            for i in 0..m {
                for j in 0..n {
                    let expected: f32 =
                        (0..k).map(|p| a[i * (k + 3) + p] * b[j * (k + 5) + p]).sum::<f32>() * 0.5;
                    assert!((out[i * (n + 2) + j] - expected).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "values needed")]
    fn a_short_slice_is_refused() {
        Matrix::new(&[0.0; 5], 2, 3, 3);
    }
}
