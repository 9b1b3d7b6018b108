// Linear algebra on OpenBLAS and its LAPACK.
#include "algorithms.hpp"

EDGEMESH_PLUGIN("linalg", "1.1.0", linalg::matmul(), linalg::solve(), linalg::inv(), linalg::det(),
                linalg::slogdet(), linalg::cholesky(), linalg::qr(), linalg::svd(), linalg::eigh(),
                linalg::eig(), linalg::lstsq(), linalg::expm())
