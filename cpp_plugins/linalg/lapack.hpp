// LAPACK's routines, overloaded by element type; each returns LAPACK's `info`. Matrices are column
// after column here, and leading dimensions are the columns' lengths: C's rows are LAPACK's
// columns.
#pragma once

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <lapack.h>

#include <edgemesh_plugin.hpp>

namespace linalg {

template <class T> struct real_of {
    using type = T;
};
template <class T> struct real_of<std::complex<T>> {
    using type = T;
};
template <class T> using Real = typename real_of<T>::type;
template <class T> inline constexpr bool is_complex = !std::is_same_v<T, Real<T>>;

// Memory that is not set to zero first.
template <class T> class Scratch {
  public:
    explicit Scratch(std::size_t size)
        : data_(static_cast<T *>(::operator new((size == 0 ? 1 : size) * sizeof(T)))) {}
    T *data() const noexcept { return data_.get(); }
    T &operator[](std::size_t i) const noexcept { return data_.get()[i]; }

  private:
    struct Free {
        void operator()(T *data) const { ::operator delete(data); }
    };
    std::unique_ptr<T, Free> data_;
};

// A workspace's length as LAPACK answers it: as a number of the matrix' type, which for float may
// have been rounded down.
template <class T> int workspace(T answer) {
    const double length = static_cast<double>(std::real(answer));
    const double most = std::numeric_limits<int>::max();
    const double rounded = length * (1.0 + 2.0 * std::numeric_limits<float>::epsilon()) + 1.0;
    return static_cast<int>(std::min(rounded, most));
}

// Arguments are checked before LAPACK sees them: this is a fault of the plugin.
inline void check_arguments(int info) {
    if (info < 0) {
        throw edgemesh::Failure("LapackArgument",
                                "LAPACK refused argument " + std::to_string(-info));
    }
}

#define LINALG_BOTH(T, p)                                                                          \
    inline int getrf(int m, int n, T *a, int *pivots) {                                            \
        int info = 0;                                                                              \
        LAPACK_##p##getrf(&m, &n, a, &m, pivots, &info);                                           \
        return info;                                                                               \
    }                                                                                              \
    inline int getrs(int n, int columns, const T *lu, const int *pivots, T *b) {                   \
        int info = 0;                                                                              \
        LAPACK_##p##getrs("N", &n, &columns, lu, &n, pivots, b, &n, &info);                        \
        return info;                                                                               \
    }                                                                                              \
    inline int getri(int n, T *lu, const int *pivots, T *work, int lwork) {                        \
        int info = 0;                                                                              \
        LAPACK_##p##getri(&n, lu, &n, pivots, work, &lwork, &info);                                \
        return info;                                                                               \
    }                                                                                              \
    inline int potrf(char uplo, int n, T *a) {                                                     \
        int info = 0;                                                                              \
        LAPACK_##p##potrf(&uplo, &n, a, &n, &info);                                                \
        return info;                                                                               \
    }                                                                                              \
    inline int geqrf(int m, int n, T *a, T *tau, T *work, int lwork) {                             \
        int info = 0;                                                                              \
        LAPACK_##p##geqrf(&m, &n, a, &m, tau, work, &lwork, &info);                                \
        return info;                                                                               \
    }
LINALG_BOTH(float, s)
LINALG_BOTH(double, d)
LINALG_BOTH(std::complex<float>, c)
LINALG_BOTH(std::complex<double>, z)
#undef LINALG_BOTH

#define LINALG_REAL(T, p)                                                                          \
    inline int orgqr(int m, int n, int k, T *a, const T *tau, T *work, int lwork) {                \
        int info = 0;                                                                              \
        LAPACK_##p##orgqr(&m, &n, &k, a, &m, tau, work, &lwork, &info);                            \
        return info;                                                                               \
    }                                                                                              \
    inline int gesdd(char job, int m, int n, T *a, T *s, T *u, int ldu, T *vt, int ldvt, T *work,  \
                     int lwork, T *, int *iwork) {                                                 \
        int info = 0;                                                                              \
        LAPACK_##p##gesdd(&job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, iwork, &info); \
        return info;                                                                               \
    }                                                                                              \
    inline int evd(char job, char uplo, int n, T *a, T *w, T *work, int lwork, T *, int,           \
                   int *iwork, int liwork) {                                                       \
        int info = 0;                                                                              \
        LAPACK_##p##syevd(&job, &uplo, &n, a, &n, w, work, &lwork, iwork, &liwork, &info);         \
        return info;                                                                               \
    }                                                                                              \
    inline int geev(char job, int n, T *a, T *real, T *imaginary, T *v, T *work, int lwork) {      \
        int info = 0;                                                                              \
        int one = 1;                                                                               \
        LAPACK_##p##geev("N", &job, &n, a, &n, real, imaginary, nullptr, &one, v, &n, work,        \
                         &lwork, &info);                                                           \
        return info;                                                                               \
    }                                                                                              \
    inline int gelsd(int m, int n, int columns, T *a, T *b, int ldb, T *s, T rcond, int *rank,     \
                     T *work, int lwork, T *, int *iwork) {                                        \
        int info = 0;                                                                              \
        LAPACK_##p##gelsd(&m, &n, &columns, a, &m, b, &ldb, s, &rcond, rank, work, &lwork, iwork,  \
                          &info);                                                                  \
        return info;                                                                               \
    }
LINALG_REAL(float, s)
LINALG_REAL(double, d)
#undef LINALG_REAL

#define LINALG_COMPLEX(T, R, p)                                                                    \
    inline int orgqr(int m, int n, int k, T *a, const T *tau, T *work, int lwork) {                \
        int info = 0;                                                                              \
        LAPACK_##p##ungqr(&m, &n, &k, a, &m, tau, work, &lwork, &info);                            \
        return info;                                                                               \
    }                                                                                              \
    inline int gesdd(char job, int m, int n, T *a, R *s, T *u, int ldu, T *vt, int ldvt, T *work,  \
                     int lwork, R *rwork, int *iwork) {                                            \
        int info = 0;                                                                              \
        LAPACK_##p##gesdd(&job, &m, &n, a, &m, s, u, &ldu, vt, &ldvt, work, &lwork, rwork, iwork,  \
                          &info);                                                                  \
        return info;                                                                               \
    }                                                                                              \
    inline int evd(char job, char uplo, int n, T *a, R *w, T *work, int lwork, R *rwork,           \
                   int lrwork, int *iwork, int liwork) {                                           \
        int info = 0;                                                                              \
        LAPACK_##p##heevd(&job, &uplo, &n, a, &n, w, work, &lwork, rwork, &lrwork, iwork, &liwork, \
                          &info);                                                                  \
        return info;                                                                               \
    }                                                                                              \
    inline int geev(char job, int n, T *a, T *w, T *v, T *work, int lwork, R *rwork) {             \
        int info = 0;                                                                              \
        int one = 1;                                                                               \
        LAPACK_##p##geev("N", &job, &n, a, &n, w, nullptr, &one, v, &n, work, &lwork, rwork,       \
                         &info);                                                                   \
        return info;                                                                               \
    }                                                                                              \
    inline int gelsd(int m, int n, int columns, T *a, T *b, int ldb, R *s, R rcond, int *rank,     \
                     T *work, int lwork, R *rwork, int *iwork) {                                   \
        int info = 0;                                                                              \
        LAPACK_##p##gelsd(&m, &n, &columns, a, &m, b, &ldb, s, &rcond, rank, work, &lwork, rwork,  \
                          iwork, &info);                                                           \
        return info;                                                                               \
    }
LINALG_COMPLEX(std::complex<float>, float, c)
LINALG_COMPLEX(std::complex<double>, double, z)
#undef LINALG_COMPLEX

} // namespace linalg
