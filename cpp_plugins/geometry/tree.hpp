// A k-d tree over points, by nanoflann (Muja and Lowe's FLANN, as Blanco made it). Once it is
// built, the points lie in the order of its leaves, so that a search reads memory as it lies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include <nanoflann.hpp>

namespace geometry {

// The nearest so far, nearest first, of those whose squared distance is below a bound.
template <class T> class Nearest {
  public:
    using DistanceType = T;

    Nearest(T *distances, std::int64_t *indices, std::size_t k, T bound)
        : distances_(distances), indices_(indices), k_(k), bound_(bound) {}

    std::size_t size() const { return count_; }
    bool full() const { return count_ == k_; }
    T worstDist() const { return full() ? distances_[k_ - 1] : bound_; }

    template <class Index> bool addPoint(T distance, Index index) {
        if (!(distance < worstDist())) return true;
        std::size_t at = full() ? k_ - 1 : count_++;
        for (; at > 0 && distances_[at - 1] > distance; --at) {
            distances_[at] = distances_[at - 1];
            indices_[at] = indices_[at - 1];
        }
        distances_[at] = distance;
        indices_[at] = static_cast<std::int64_t>(index);
        return true; // go on
    }

  private:
    T *distances_;
    std::int64_t *indices_;
    std::size_t k_, count_ = 0;
    T bound_;
};

// dimensions: known when compiled, or -1.
template <class T, int dimensions> class Tree {
  public:
    Tree(const T *points, std::size_t count, std::size_t width)
        : cloud_{points, count, width},
          index_(static_cast<int>(width), cloud_,
                 nanoflann::KDTreeSingleIndexAdaptorParams(leaf_points)) {
        order_.swap(index_.vAcc);
        sorted_.reserve(count * width);
        for (const std::uint32_t point : order_) {
            sorted_.insert(sorted_.end(), points + point * width, points + (point + 1) * width);
        }
        index_.vAcc.resize(count);
        std::iota(index_.vAcc.begin(), index_.vAcc.end(), 0U);
        cloud_.data = sorted_.data();
    }

    // Squared distances and indices; how many there are.
    std::size_t search(const T *query, T *distances, std::int64_t *indices, std::size_t k,
                       T bound) const {
        Nearest<T> nearest(distances, indices, k, bound);
        index_.findNeighbors(nearest, query, nanoflann::SearchParams());
        for (std::size_t i = 0; i < nearest.size(); ++i) {
            indices[i] = order_[static_cast<std::size_t>(indices[i])];
        }
        return nearest.size();
    }

  private:
    static constexpr std::size_t leaf_points = 16;

    struct Cloud {
        const T *data;
        std::size_t count, width;
        std::size_t kdtree_get_point_count() const { return count; }
        T kdtree_get_pt(std::size_t point, std::size_t dimension) const {
            if constexpr (dimensions > 0) {
                return data[point * static_cast<std::size_t>(dimensions) + dimension];
            } else {
                return data[point * width + dimension];
            }
        }
        template <class Box> bool kdtree_get_bbox(Box &) const { return false; }
    };
    using Metric = nanoflann::L2_Adaptor<T, Cloud, T, std::uint32_t>;

    Cloud cloud_;
    nanoflann::KDTreeSingleIndexAdaptor<Metric, Cloud, dimensions, std::uint32_t> index_;
    std::vector<std::uint32_t> order_; // of the points in the leaves
    std::vector<T> sorted_;
};

} // namespace geometry
