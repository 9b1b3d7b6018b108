// cpp.svd: numpy.linalg.svd by LAPACK gesdd. In memory C's matrix is LAPACK's transposed one, whose
// u is this one's vh and the other way round: nothing is transposed.
#include <algorithm>
#include <cstddef>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

constexpr std::size_t longest = 20000; // 4 n^2 + 7 n still counts in 32 bits

// Workspaces of gesdd for one shape, and the copy that it destroys.
template <class T> class Decomposition {
  public:
    Decomposition(const Stack &matrices, char job)
        : m_(static_cast<int>(matrices.columns)), n_(static_cast<int>(matrices.rows)), job_(job),
          ldvt_(job == 'A' ? n_ : static_cast<int>(matrices.smaller())), a_(matrices.size()),
          integers_(8 * matrices.smaller()), real_(real_length(matrices)), lwork_(find_workspace()),
          work_(static_cast<std::size_t>(lwork_)) {}

    void run(const T *a, T *u, Real<T> *s, T *vh) {
        std::copy_n(a, static_cast<std::size_t>(m_) * static_cast<std::size_t>(n_), a_.data());
        const int info = gesdd(job_, m_, n_, a_.data(), s, vh, m_, u, ldvt_, work_.data(), lwork_,
                               real_.data(), integers_.data());
        check_arguments(info);
        if (info > 0) throw edgemesh::Failure("NoConvergence", "the iteration did not converge");
    }

  private:
    std::size_t real_length(const Stack &matrices) const {
        if constexpr (!is_complex<T>) return 0;
        const std::size_t small = matrices.smaller(), large = matrices.larger();
        if (job_ == 'N') return 7 * small;
        return small * std::max(5 * small + 7, 2 * large + 2 * small + 1);
    }
    int find_workspace() {
        T answer{};
        check_arguments(gesdd(job_, m_, n_, a_.data(), nullptr, nullptr, m_, nullptr, ldvt_,
                              &answer, -1, real_.data(), integers_.data()));
        return workspace(answer);
    }

    int m_, n_;
    char job_;
    int ldvt_;
    Scratch<T> a_;
    Scratch<int> integers_;
    Scratch<Real<T>> real_;
    int lwork_;
    Scratch<T> work_;
};

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = stack(input);
    check_side(input, matrices.smaller(), longest);
    const bool vectors = call.parameters().get<bool>("compute_uv", true);
    const bool full = call.parameters().get<bool>("full_matrices", true);
    const std::size_t k = matrices.smaller();
    const std::size_t u_columns = full ? matrices.rows : k, vh_rows = full ? matrices.columns : k;
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        check_finite<T>(input, a);
        T *u = nullptr, *vh = nullptr;
        Real<T> *const s = output<Real<T>>(call, "s", input, matrices.shape({k})).data();
        if (vectors) {
            const auto all_u =
                output<T>(call, "u", input, matrices.shape({matrices.rows, u_columns}));
            const auto all_vh =
                output<T>(call, "vh", input, matrices.shape({vh_rows, matrices.columns}));
            u = all_u.data(), vh = all_vh.data();
            if (matrices.count == 0) {
                set_identities(all_u, matrices.rows);
                set_identities(all_vh, matrices.columns);
            }
        }
        if (matrices.count == 0) return;
        Decomposition<T> decomposition(matrices, !vectors ? 'N' : full ? 'A' : 'S');
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            decomposition.run(a.data() + i * matrices.size(),
                              vectors ? u + i * matrices.rows * u_columns : nullptr, s + i * k,
                              vectors ? vh + i * vh_rows * matrices.columns : nullptr);
        }
    });
}

} // namespace

edgemesh::Algorithm svd() {
    return edgemesh::Algorithm("cpp.svd", "1")
        .about("Singular values and vectors, a = u diag(s) vh, of a matrix or of each of a stack, "
               "as numpy.linalg.svd, but for the signs of the vectors; by LAPACK gesdd. Fails "
               "with NoConvergence.")
        .parameter("full_matrices", {{"type", "boolean"},
                                     {"default", true},
                                     {"description", "u is m x m and vh n x n; else the first "
                                                     "min(m, n) columns of u and rows of vh"}})
        .parameter("compute_uv",
                   {{"type", "boolean"}, {"default", true}, {"description", "false: s only"}})
        .input(any_matrix("a", "[..., m, n], finite"))
        .output(any_matrix("u", "[..., m, m], or [..., m, min(m, n)]").optional())
        .output(real_numbers("s", "[..., min(m, n)], largest first"))
        .output(any_matrix("vh", "[..., n, n], or [..., min(m, n), n]").optional())
        .run(run);
}

} // namespace linalg
