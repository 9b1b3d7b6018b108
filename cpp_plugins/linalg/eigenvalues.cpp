// cpp.eigh and cpp.eig: numpy.linalg.eigh by LAPACK syevd and heevd, numpy.linalg.eig by geev.
#include <algorithm>
#include <complex>
#include <string>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

constexpr std::size_t longest = 30000; // 2 n^2 + 6 n + 1 still counts in 32 bits

void check_convergence(int info) {
    check_arguments(info);
    if (info > 0) throw edgemesh::Failure("NoConvergence", "the iteration did not converge");
}

// In memory C's lower triangle is LAPACK's upper one, and of a complex matrix the conjugate's:
// which has the same eigenvalues and conjugate vectors.
template <class T> class Hermitian {
  public:
    Hermitian(std::size_t n, bool upper)
        : n_(static_cast<int>(n)), uplo_(upper ? 'L' : 'U'), v_(n * n) {
        T work{};
        Real<T> real{};
        int integer = 0;
        check_arguments(
            evd('V', uplo_, n_, v_.data(), nullptr, &work, -1, &real, -1, &integer, -1));
        lwork_ = workspace(work), lreal_ = workspace(real), lintegers_ = integer;
        work_ = Scratch<T>(static_cast<std::size_t>(lwork_));
        real_ = Scratch<Real<T>>(is_complex<T> ? static_cast<std::size_t>(lreal_) : 0);
        integers_ = Scratch<int>(static_cast<std::size_t>(lintegers_));
    }
    void run(const T *a, Real<T> *w, T *v) {
        const auto n = static_cast<std::size_t>(n_);
        std::copy_n(a, n * n, v_.data());
        check_convergence(evd('V', uplo_, n_, v_.data(), w, work_.data(), lwork_, real_.data(),
                              lreal_, integers_.data(), lintegers_));
        if constexpr (is_complex<T>) {
            for (std::size_t i = 0; i < n * n; ++i) v_[i] = std::conj(v_[i]);
        }
        transpose(n, n, v_.data(), v);
    }

  private:
    int n_;
    char uplo_;
    Scratch<T> v_;
    int lwork_ = 0, lreal_ = 0, lintegers_ = 0;
    Scratch<T> work_{0};
    Scratch<Real<T>> real_{0};
    Scratch<int> integers_{0};
};

void run_eigh(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    check_side(input, matrices.rows, longest);
    const auto uplo = call.parameters().get<std::string>("UPLO", "L");
    if (uplo != "L" && uplo != "U") {
        throw edgemesh::InvalidInput("parameters.UPLO", "must be L or U");
    }
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        check_finite<T>(input, a);
        const auto w = output<Real<T>>(call, "w", input, matrices.shape({matrices.rows}));
        const auto v = call.output<T>("v", a.shape());
        if (matrices.count == 0) return;
        Hermitian<T> hermitian(matrices.rows, uplo == "U");
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            hermitian.run(a.data() + i * matrices.size(), w.data() + i * matrices.rows,
                          v.data() + i * matrices.size());
        }
    });
}

// Eigenvectors as geev gives them, column after column; of a real matrix a pair of conjugate ones
// is two columns, real and imaginary parts.
template <class T> class General {
  public:
    using Complex = std::complex<Real<T>>;

    explicit General(std::size_t n)
        : n_(static_cast<int>(n)), a_(n * n), v_(n * n), values_(2 * n) {
        T answer{};
        check_arguments(geev_with(&answer, -1));
        lwork_ = workspace(answer);
        work_ = Scratch<T>(static_cast<std::size_t>(lwork_));
    }
    void run(const T *a, Complex *w, Complex *v) {
        const auto n = static_cast<std::size_t>(n_);
        transpose(n, n, a, a_.data());
        check_convergence(geev_with(work_.data(), lwork_));
        if constexpr (is_complex<T>) {
            std::copy_n(values_.data(), n, w);
            transpose(n, n, v_.data(), v);
        } else {
            for (std::size_t i = 0; i < n; ++i) w[i] = {values_[i], values_[n + i]};
            for (std::size_t row = 0; row < n; ++row) unpack(row, w, v + row * n);
        }
    }

  private:
    void unpack(std::size_t row, const Complex *w, Complex *v) const {
        const auto n = static_cast<std::size_t>(n_);
        for (std::size_t i = 0; i < n; ++i) {
            if (w[i].imag() == 0 || i + 1 == n) {
                v[i] = v_[i * n + row];
            } else {
                v[i] = {v_[i * n + row], v_[(i + 1) * n + row]};
                v[i + 1] = std::conj(v[i]);
                ++i;
            }
        }
    }
    int geev_with(T *work, int lwork) {
        if constexpr (is_complex<T>) { // the second half of values_ is real workspace
            return geev('V', n_, a_.data(), values_.data(), v_.data(), work, lwork,
                        reinterpret_cast<Real<T> *>(values_.data() + n_));
        } else {
            return geev('V', n_, a_.data(), values_.data(), values_.data() + n_, v_.data(), work,
                        lwork);
        }
    }

    int n_;
    Scratch<T> a_, v_, values_;
    int lwork_ = 0;
    Scratch<T> work_{0};
};

void run_eig(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    check_side(input, matrices.rows, longest);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        using Complex = std::complex<Real<T>>;
        check_finite<T>(input, a);
        const auto w = output<Complex>(call, "w", input, matrices.shape({matrices.rows}));
        const auto v = output<Complex>(call, "v", input, a.shape());
        if (matrices.count == 0) return;
        General<T> general(matrices.rows);
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            general.run(a.data() + i * matrices.size(), w.data() + i * matrices.rows,
                        v.data() + i * matrices.size());
        }
    });
}

edgemesh::TensorSpec complex_numbers(const std::string &name, const std::string &about) {
    return edgemesh::TensorSpec(name)
        .of<std::complex<float>, std::complex<double>>()
        .any_rank()
        .allow_empty()
        .about(about);
}

} // namespace

edgemesh::Algorithm eigh() {
    return edgemesh::Algorithm("cpp.eigh", "1")
        .about("Eigenvalues and eigenvectors of a Hermitian (real: symmetric) matrix, or of each "
               "of a stack, as numpy.linalg.eigh, but for the signs of the vectors; by LAPACK "
               "syevd and heevd. Fails with NoConvergence.")
        .parameter("UPLO", {{"enum", {"L", "U"}},
                            {"default", "L"},
                            {"description", "the triangle that is read: lower or upper"}})
        .input(any_matrix("a", "[..., n, n], finite"))
        .output(real_numbers("w", "[..., n], ascending"))
        .output(any_matrix("v", "[..., n, n]: v[:, i] belongs to w[i]"))
        .run(run_eigh);
}

edgemesh::Algorithm eig() {
    return edgemesh::Algorithm("cpp.eig", "1")
        .about("Eigenvalues and right eigenvectors of a square matrix, or of each of a stack, as "
               "numpy.linalg.eig, always complex as in scipy.linalg.eig; by LAPACK geev. Fails "
               "with NoConvergence.")
        .input(any_matrix("a", "[..., n, n], finite"))
        .output(complex_numbers("w", "[..., n], in no order"))
        .output(complex_numbers("v", "[..., n, n]: v[:, i], of length 1, belongs to w[i]"))
        .run(run_eig);
}

} // namespace linalg
