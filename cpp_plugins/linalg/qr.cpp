// cpp.qr: numpy.linalg.qr by Householder reflections (LAPACK geqrf, orgqr).
#include <algorithm>
#include <string>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

// a's factors, column after column: R above the diagonal, the reflections below.
template <class T> class Factors {
  public:
    Factors(const Stack &matrices, std::size_t q_columns)
        : rows_(matrices.rows), columns_(matrices.columns), q_columns_(q_columns),
          a_(rows_ * std::max(columns_, q_columns)), tau_(matrices.smaller()),
          lwork_(find_workspace()), work_(static_cast<std::size_t>(lwork_)) {}

    void factor(const T *a) {
        transpose(rows_, columns_, a, a_.data());
        check_arguments(geqrf(static_cast<int>(rows_), static_cast<int>(columns_), a_.data(),
                              tau_.data(), work_.data(), lwork_));
    }
    // The first rows of R.
    void r(std::size_t rows, T *y) const {
        transpose(columns_, rows, a_.data(), rows_, y, columns_);
        for (std::size_t row = 1; row < rows; ++row) {
            std::fill(y + row * columns_, y + row * columns_ + std::min(row, columns_), T{});
        }
    }
    // Overwrites the factors.
    void q(T *y) {
        check_arguments(orgqr(static_cast<int>(rows_), static_cast<int>(q_columns_), reflections(),
                              a_.data(), tau_.data(), work_.data(), lwork_));
        transpose(q_columns_, rows_, a_.data(), y);
    }
    const T *packed() const { return a_.data(); }
    const T *tau() const { return tau_.data(); }

  private:
    int reflections() const { return static_cast<int>(std::min(rows_, columns_)); }
    int find_workspace() {
        const auto m = static_cast<int>(rows_), n = static_cast<int>(columns_);
        T first{}, second{};
        check_arguments(geqrf(m, n, a_.data(), tau_.data(), &first, -1));
        if (q_columns_ > 0) {
            check_arguments(orgqr(m, static_cast<int>(q_columns_), reflections(), a_.data(),
                                  tau_.data(), &second, -1));
        }
        return std::max({workspace(first), workspace(second), n, static_cast<int>(q_columns_)});
    }

    std::size_t rows_, columns_, q_columns_;
    Scratch<T> a_, tau_;
    int lwork_;
    Scratch<T> work_;
};

enum class Mode { reduced, complete, r, raw };

Mode mode_of(const edgemesh::Parameters &parameters) {
    const auto mode = parameters.get<std::string>("mode", "reduced");
    if (mode == "reduced") return Mode::reduced;
    if (mode == "complete") return Mode::complete;
    if (mode == "r") return Mode::r;
    if (mode == "raw") return Mode::raw;
    throw edgemesh::InvalidInput("parameters.mode", "must be reduced, complete, r or raw");
}

template <class T>
void raw(edgemesh::Call &call, const edgemesh::Tensor &input, const Stack &matrices, const T *a) {
    const auto h = output<T>(call, "h", input, matrices.shape({matrices.columns, matrices.rows}));
    const auto tau = output<T>(call, "tau", input, matrices.shape({matrices.smaller()}));
    if (matrices.count == 0) return;
    Factors<T> factors(matrices, 0);
    for (std::size_t i = 0; i < matrices.count; ++i) {
        call.check_cancelled();
        factors.factor(a + i * matrices.size());
        std::copy_n(factors.packed(), matrices.size(), h.data() + i * matrices.size());
        std::copy_n(factors.tau(), matrices.smaller(), tau.data() + i * matrices.smaller());
    }
}

template <class T>
void q_and_r(edgemesh::Call &call, const edgemesh::Tensor &input, const Stack &matrices, Mode mode,
             const T *a) {
    const std::size_t side = mode == Mode::complete ? matrices.rows : matrices.smaller();
    const std::size_t q_size = matrices.rows * side, r_size = side * matrices.columns;
    T *q = nullptr;
    if (mode != Mode::r) {
        const auto all = output<T>(call, "q", input, matrices.shape({matrices.rows, side}));
        q = all.data();
        if (matrices.count == 0) set_identities(all, matrices.rows);
    }
    T *r = output<T>(call, "r", input, matrices.shape({side, matrices.columns})).data();
    if (matrices.count == 0) return;
    Factors<T> factors(matrices, mode == Mode::r ? 0 : side);
    for (std::size_t i = 0; i < matrices.count; ++i) {
        call.check_cancelled();
        factors.factor(a + i * matrices.size());
        factors.r(side, r + i * r_size);
        if (q != nullptr) factors.q(q + i * q_size);
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = stack(input);
    const Mode mode = mode_of(call.parameters());
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        if (mode == Mode::raw) {
            raw(call, input, matrices, a.data());
        } else {
            q_and_r(call, input, matrices, mode, a.data());
        }
    });
}

} // namespace

edgemesh::Algorithm qr() {
    return edgemesh::Algorithm("cpp.qr", "1")
        .about("The factors q r = a of a matrix, or of each of a stack: orthonormal columns and an "
               "upper triangle, as numpy.linalg.qr; by LAPACK geqrf and orgqr.")
        .parameter("mode", {{"enum", {"reduced", "complete", "r", "raw"}},
                            {"default", "reduced"},
                            {"description", "reduced: k = min(m, n); complete: k = m; r: r only; "
                                            "raw: LAPACK's h and tau"}})
        .input(any_matrix("a", "[..., m, n]"))
        .output(any_matrix("q", "[..., m, k]; modes reduced and complete").optional())
        .output(any_matrix("r", "[..., k, n]; all modes but raw").optional())
        .output(any_matrix("h", "[..., n, m]; mode raw: geqrf's result, transposed").optional())
        .output(
            any_matrix("tau", "[..., min(m, n)]; mode raw: the reflections' factors").optional())
        .run(run);
}

} // namespace linalg
