// cpp.expm: scipy.linalg.expm. Scaling and squaring with Pade approximants of degree 3 to 13
// (Al-Mohy and Higham 2009); of a triangular matrix the diagonals are computed anew after each
// squaring (their code fragment 2.1).
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "algorithms.hpp"
#include "blas.hpp"
#include "matrices.hpp"

namespace linalg {
namespace {

// A degree, the norm up to which it serves, log2 of 1 / the first error coefficient, and the
// polynomial's coefficients.
struct Pade {
    int degree;
    double theta;
    double log2_error;
    std::array<double, 14> b;
};
constexpr std::array<Pade, 5> table{{
    {3, 1.495585217958292e-2, 16.62113611327464, {120, 60, 12, 1}},
    {5, 2.539398330063230e-1, 33.227772656854164, {30240, 15120, 3360, 420, 30, 1}},
    {7,
     9.504178996162932e-1,
     51.994974307382165,
     {17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1}},
    {9,
     2.097847961257068e0,
     72.32471809893495,
     {17643225600, 8821612800, 2075673600, 302702400, 30270240, 2162160, 110880, 3960, 90, 1}},
    {13,
     4.25,
     116.447004251763,
     {64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
      10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1}},
}};

template <class T> class Exponential {
  public:
    explicit Exponential(std::size_t n)
        : n_(n), scaled_(n * n),
          powers_{Scratch<T>(n * n), Scratch<T>(n * n), Scratch<T>(n * n), Scratch<T>(n * n)},
          sum_(n * n), u_(n * n), pivots_(n) {}

    // y = exp(a).
    void run(const edgemesh::Call &call, const T *a, T *y) {
        const bool lower = is_zero(a, [](auto row, auto column) { return row < column; });
        const bool upper = is_zero(a, [](auto row, auto column) { return row > column; });
        if (lower && upper) {
            std::fill_n(y, n_ * n_, T{});
            for (std::size_t i = 0; i < n_ * n_; i += n_ + 1) y[i] = std::exp(a[i]);
            return;
        }
        const int squarings = approximate(call, a, y);
        for (int i = squarings - 1; i >= -1; --i) {
            if (squarings > 0 && (lower || upper)) set_diagonals(a, upper, i + 1, y);
            if (i < 0) break;
            call.check_cancelled();
            product(y, y, sum_.data());
            std::copy_n(sum_.data(), n_ * n_, y);
        }
        if (lower || upper) clear(upper, y);
    }

  private:
    template <class Where> bool is_zero(const T *a, Where &&where) const {
        for (std::size_t row = 0; row < n_; ++row) {
            for (std::size_t column = 0; column < n_; ++column) {
                if (where(row, column) && a[row * n_ + column] != T{}) return false;
            }
        }
        return true;
    }
    void product(const T *a, const T *b, T *c) const { multiply(n_, n_, n_, a, b, c); }

    // The largest sum of a row's sizes; which of rows and columns is all the same to the bounds.
    double norm(const T *a) const {
        double largest = 0;
        for (std::size_t row = 0; row < n_; ++row) {
            double sum = 0;
            for (std::size_t i = row * n_; i < (row + 1) * n_; ++i) {
                sum += static_cast<double>(std::abs(a[i]));
            }
            largest = std::max(largest, sum); // std::max keeps its first if the other is NaN
            if (std::isnan(sum)) return sum;
        }
        return largest;
    }
    // Squarings that rounding asks for beyond those of the norm.
    int more_squarings(const Pade &pade, double norm_of_a) const {
        std::vector<double> sums(n_, 1.0), next(n_);
        double logarithm = 0; // of what the sums were divided by
        for (int i = 0; i < 2 * pade.degree + 1; ++i) {
            for (std::size_t row = 0; row < n_; ++row) {
                double sum = 0;
                for (std::size_t column = 0; column < n_; ++column) {
                    sum += static_cast<double>(std::abs(scaled_[row * n_ + column])) * sums[column];
                }
                next[row] = sum;
            }
            const double largest = *std::max_element(next.begin(), next.end());
            if (!(largest > 0)) return 0; // nilpotent
            logarithm += std::log2(largest);
            for (std::size_t row = 0; row < n_; ++row) sums[row] = next[row] / largest;
        }
        const double alpha = logarithm - std::log2(norm_of_a) - pade.log2_error;
        return std::max(static_cast<int>(std::ceil((alpha + 53.0) / (2.0 * pade.degree))), 0);
    }
    // The matrix and its powers.
    void scale(int squarings) {
        if (squarings == 0) return;
        scale(scaled_.data(), squarings);
        if (!all_finite(power(6), n_ * n_)) {
            set_powers(); // they fit the type now
            return;
        }
        for (const int exponent : {2, 4, 6}) {
            scale(power(static_cast<std::size_t>(exponent)), exponent * squarings);
        }
    }
    void scale(T *a, int halvings) const {
        const Real<T> factor = std::ldexp(Real<T>{1}, -halvings);
        for (std::size_t i = 0; i < n_ * n_; ++i) a[i] *= factor;
    }
    T *power(std::size_t exponent) const { return powers_[exponent / 2 - 1].data(); } // 2, 4, 6, 8
    void set_powers() {
        product(scaled_.data(), scaled_.data(), power(2));
        product(power(2), power(2), power(4));
        product(power(4), power(2), power(6));
    }

    // y = exp(2^-s a); gives s.
    int approximate(const edgemesh::Call &call, const T *a, T *y) {
        std::copy_n(a, n_ * n_, scaled_.data());
        set_powers();
        const double norm1 = norm(scaled_.data());
        const double d4 = std::pow(norm(power(4)), 0.25), d6 = std::pow(norm(power(6)), 1.0 / 6);
        const double eta = std::max(d4, d6);
        for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
            if (eta < table[i].theta && more_squarings(table[i], norm1) == 0) {
                return pade(table[i], y), 0;
            }
        }
        call.check_cancelled();
        product(power(4), power(4), power(8));
        const double d8 = std::pow(norm(power(8)), 0.125);
        const double eta3 = std::max(d6, d8);
        for (const std::size_t i : {std::size_t{2}, std::size_t{3}}) {
            if (eta3 < table[i].theta && more_squarings(table[i], norm1) == 0) {
                return pade(table[i], y), 0;
            }
        }
        product(power(4), power(6), sum_.data());
        const double d10 = std::pow(norm(sum_.data()), 0.1);
        const Pade &last = table.back();
        // Where powers overflow, the norm itself is bound enough.
        double bound = std::min(eta3, std::max(d8, d10));
        if (!std::isfinite(bound)) bound = norm1;
        int squarings =
            bound > 0 ? std::max(static_cast<int>(std::ceil(std::log2(bound / last.theta))), 0) : 0;
        scale(squarings);
        const int more = more_squarings(last, std::ldexp(norm1, -squarings));
        scale(more);
        squarings += more;
        call.check_cancelled();
        pade(last, y);
        return squarings;
    }

    // out += factor * in, or out = factor * in.
    void add(double factor, const T *in, T *out, bool first = false) const {
        const auto real = static_cast<Real<T>>(factor);
        for (std::size_t i = 0; i < n_ * n_; ++i) out[i] = real * in[i] + (first ? T{} : out[i]);
    }
    void add_identity(double factor, T *out) const {
        for (std::size_t i = 0; i < n_ * n_; i += n_ + 1) out[i] += static_cast<Real<T>>(factor);
    }

    // y = q^-1 p, where p, q = v + u, v - u: u has the odd powers, v the even ones.
    void pade(const Pade &pade, T *y) {
        const auto &b = pade.b;
        T *const odd = sum_.data();
        T *const v = y;
        if (pade.degree < 13) {
            add(b[3], power(2), odd, true);
            add(b[2], power(2), v, true);
            for (int i = 4; i < pade.degree; i += 2) {
                const auto at = static_cast<std::size_t>(i);
                add(b[at + 1], power(at), odd);
                add(b[at], power(at), v);
            }
        } else {
            T *const high = power(8);
            const auto combine = [&](std::size_t shift, T *into) {
                add(b[12 + shift], power(6), high, true);
                add(b[10 + shift], power(4), high);
                add(b[8 + shift], power(2), high);
                product(power(6), high, into);
                for (const std::size_t i : {6U, 4U, 2U}) add(b[i + shift], power(i), into);
            };
            combine(1, odd);
            combine(0, v);
        }
        add_identity(b[1], odd);
        add_identity(b[0], v);
        product(scaled_.data(), odd, u_.data());
        for (std::size_t i = 0; i < n_ * n_; ++i) {
            sum_[i] = v[i] - u_[i]; // q
            y[i] = v[i] + u_[i];    // p
        }
        // p and q commute, and so the transposed matrices that LAPACK sees give the transpose.
        const int n = static_cast<int>(n_);
        const int info = getrf(n, n, sum_.data(), pivots_.data());
        check_arguments(info);
        if (info > 0) {
            throw edgemesh::Failure("NotFinite", "the exponential cannot be computed in this type");
        }
        check_arguments(getrs(n, n, sum_.data(), pivots_.data(), y));
    }

    // The main diagonal of exp(2^-power a) and the one beside it, from a's own.
    void set_diagonals(const T *a, bool upper, int power, T *y) const {
        const Real<T> factor = std::ldexp(Real<T>{1}, -power);
        const auto diagonal = [&](std::size_t i) { return a[i * (n_ + 1)] * factor; };
        for (std::size_t i = 0; i < n_; ++i) y[i * (n_ + 1)] = std::exp(diagonal(i));
        for (std::size_t i = 0; i + 1 < n_; ++i) {
            const std::size_t beside = upper ? i * (n_ + 1) + 1 : (i + 1) * n_ + i;
            const T difference = diagonal(i + 1) - diagonal(i);
            const T slope = difference == T{}
                                ? std::exp(diagonal(i))
                                : (std::exp(diagonal(i + 1)) - std::exp(diagonal(i))) / difference;
            y[beside] = slope * (a[beside] * factor);
        }
    }
    void clear(bool upper, T *y) const {
        for (std::size_t row = 0; row < n_; ++row) {
            T *const begin = y + row * n_;
            if (upper) {
                std::fill(begin, begin + row, T{});
            } else {
                std::fill(begin + row + 1, begin + n_, T{});
            }
        }
    }

    std::size_t n_;
    Scratch<T> scaled_;
    std::array<Scratch<T>, 4> powers_; // 2, 4, 6, 8
    Scratch<T> sum_, u_;
    Scratch<int> pivots_;
};

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &input = call.input("a");
    const Stack matrices = square(input);
    use_threads(call.threads());
    visit_numbers(input, [&](const auto &a) {
        using T = Element<decltype(a)>;
        check_finite<T>(input, a);
        const auto y = call.output<T>("y", a.shape());
        if (matrices.count == 0) return;
        Exponential<T> exponential(matrices.rows);
        for (std::size_t i = 0; i < matrices.count; ++i) {
            call.check_cancelled();
            exponential.run(call, a.data() + i * matrices.size(), y.data() + i * matrices.size());
        }
    });
}

} // namespace

edgemesh::Algorithm expm() {
    return edgemesh::Algorithm("cpp.expm", "1")
        .about("The exponential of a square matrix, or of each of a stack, as scipy.linalg.expm; "
               "by scaling and squaring (Al-Mohy and Higham 2009) on OpenBLAS.")
        .input(any_matrix("a", "[..., n, n], finite"))
        .output(any_matrix("y", "exp(a)"))
        .run(run);
}

} // namespace linalg
