// Lloyd's iteration as sklearn.cluster.KMeans does it: the same centres from the same start, up to
// rounding. Points are rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "blas.hpp"

namespace stats {

template <class T> class Lloyd {
  public:
    Lloyd(const T *x, std::size_t n, std::size_t d, std::size_t k)
        : x_(x), n_(n), d_(d), k_(k), labels(n, -1), centers(k * d), sums_(k * d), weights_(k),
          products_(chunk * k), transposed_(k * d), norms_(k) {}

    // One iteration. False once labels stay what they were, or the centres move less than asked.
    bool step(double tolerance) {
        previous_ = labels;
        assign();
        add_up();
        double moved = 0;
        for (std::size_t c = 0; c < k_; ++c) {
            for (std::size_t i = c * d_; i < (c + 1) * d_; ++i) {
                const T center =
                    weights_[c] > 0 ? static_cast<T>(sums_[i] / weights_[c]) : centers[i];
                const double by = static_cast<double>(center) - static_cast<double>(centers[i]);
                moved += by * by;
                centers[i] = center;
            }
        }
        settled_ = labels == previous_;
        return !settled_ && moved > tolerance;
    }
    // Labels of the last centres; gives the sum of squared distances to these.
    double finish() {
        if (!settled_) assign();
        double sum = 0;
        for (std::size_t i = 0; i < n_; ++i) sum += distance(i, label(i));
        return sum;
    }

  private:
    static constexpr std::size_t chunk = 256; // points whose distances are computed at once
    const T *x_;
    std::size_t n_, d_, k_;

  public:
    std::vector<std::int32_t> labels;
    std::vector<T> centers;

  private:
    std::size_t label(std::size_t i) const { return static_cast<std::size_t>(labels[i]); }
    double distance(std::size_t point, std::size_t center) const {
        double sum = 0;
        for (std::size_t i = 0; i < d_; ++i) {
            const double by = static_cast<double>(x_[point * d_ + i]) -
                              static_cast<double>(centers[center * d_ + i]);
            sum += by * by;
        }
        return sum;
    }
    // |c|^2 - 2 x c is least where the distance is.
    void assign() {
        for (std::size_t c = 0; c < k_; ++c) {
            T sum = 0;
            for (std::size_t i = 0; i < d_; ++i) {
                const T one = centers[c * d_ + i];
                sum += one * one;
                transposed_[i * k_ + c] = -2 * one;
            }
            norms_[c] = sum;
        }
        for (std::size_t begin = 0; begin < n_; begin += chunk) {
            const std::size_t rows = std::min(chunk, n_ - begin);
            linalg::multiply(rows, d_, k_, x_ + begin * d_, transposed_.data(), products_.data());
            for (std::size_t row = 0; row < rows; ++row) {
                const T *const products = products_.data() + row * k_;
                std::size_t nearest = 0;
                T least = products[0] + norms_[0];
                for (std::size_t c = 1; c < k_; ++c) {
                    const T one = products[c] + norms_[c];
                    if (one < least) least = one, nearest = c;
                }
                labels[begin + row] = static_cast<std::int32_t>(nearest);
            }
        }
    }
    void add_up() {
        std::fill(sums_.begin(), sums_.end(), 0.0);
        std::fill(weights_.begin(), weights_.end(), 0.0);
        for (std::size_t i = 0; i < n_; ++i) {
            double *const sum = sums_.data() + label(i) * d_;
            for (std::size_t j = 0; j < d_; ++j) sum[j] += static_cast<double>(x_[i * d_ + j]);
            weights_[label(i)] += 1;
        }
        fill_empty();
    }
    // A cluster without points takes the point that is farthest from its centre.
    void fill_empty() {
        std::vector<std::size_t> empty;
        for (std::size_t c = 0; c < k_; ++c) {
            if (weights_[c] == 0) empty.push_back(c);
        }
        if (empty.empty()) return;
        std::vector<double> distances(n_);
        for (std::size_t i = 0; i < n_; ++i) distances[i] = distance(i, label(i));
        std::vector<std::size_t> points(n_);
        std::iota(points.begin(), points.end(), std::size_t{0});
        std::partial_sort(
            points.begin(), points.begin() + static_cast<std::ptrdiff_t>(empty.size()),
            points.end(),
            [&](std::size_t a, std::size_t b) { return distances[a] > distances[b]; });
        for (std::size_t i = 0; i < empty.size(); ++i) {
            const std::size_t point = points[i], from = label(point), to = empty[i];
            for (std::size_t j = 0; j < d_; ++j) {
                const auto one = static_cast<double>(x_[point * d_ + j]);
                sums_[from * d_ + j] -= one;
                sums_[to * d_ + j] = one;
            }
            weights_[to] = 1;
            weights_[from] -= 1;
        }
    }

    std::vector<double> sums_, weights_;
    std::vector<T> products_, transposed_, norms_;
    std::vector<std::int32_t> previous_;
    bool settled_ = false;
};

} // namespace stats
