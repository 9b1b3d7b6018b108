// A k-d tree over points, by nanoflann (Muja and Lowe's FLANN, as Blanco made it). Once it is
// built, the points lie in the order of its leaves, so that a search reads memory as it lies.
#pragma once

#include <algorithm>
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

// nanoflann's index, of bounded depth. It halves boxes, which is quick to search; but points may be
// such that each half takes only one of them off, and then it takes time without end, and a stack
// as deep as there are points. Beyond twice the depth of halves the points are halved instead.
template <class Metric, class Cloud, int dimensions>
class Index : public nanoflann::KDTreeSingleIndexAdaptor<Metric, Cloud, dimensions, std::uint32_t> {
    using Base = nanoflann::KDTreeSingleIndexAdaptor<Metric, Cloud, dimensions, std::uint32_t>;
    using Box = typename Base::BoundingBox;
    using Node = typename Base::NodePtr;

  public:
    Index(const Cloud &cloud, std::size_t leaf_points)
        : Base(static_cast<int>(cloud.width), cloud,
               {leaf_points, nanoflann::KDTreeSingleIndexAdaptorFlags::SkipInitialBuildIndex}) {
        this->init_vind();
        if (cloud.count == 0) return;
        this->computeBoundingBox(this->root_bbox);
        std::size_t levels = 8; // what a few points may need beside
        for (std::size_t count = cloud.count; count > leaf_points; count /= 2) levels += 2;
        this->root_node = divide(0, cloud.count, this->root_bbox, levels);
    }

  private:
    // Points `left` to `right` as a tree, and `box` as small as they allow.
    Node divide(std::size_t left, std::size_t right, Box &box, std::size_t levels) {
        auto *const node = this->pool.template allocate<typename Base::Node>();
        if (right - left <= this->m_leaf_max_size) {
            node->child1 = node->child2 = nullptr;
            node->node_type.lr.left = left, node->node_type.lr.right = right;
            for (int i = 0; i < this->dim; ++i) {
                auto &side = box[static_cast<std::size_t>(i)];
                this->computeMinMax(*this, left, right - left, i, side.low, side.high);
            }
            return node;
        }
        std::size_t count = 0;
        int cut = 0;
        typename Base::DistanceType value = 0;
        if (levels > 0) {
            this->middleSplit_(*this, left, right - left, count, cut, value, box);
        } else {
            cut = widest(left, right);
            count = (right - left) / 2;
            value = halve(left, left + count, right, cut);
        }
        const auto side = static_cast<std::size_t>(cut);
        const std::size_t below = levels > 0 ? levels - 1 : 0;
        Box lower(box), upper(box);
        lower[side].high = upper[side].low = value;
        node->child1 = divide(left, left + count, lower, below);
        node->child2 = divide(left + count, right, upper, below);
        node->node_type.sub.divfeat = cut;
        node->node_type.sub.divlow = lower[side].high,
        node->node_type.sub.divhigh = upper[side].low;
        for (std::size_t i = 0; i < static_cast<std::size_t>(this->dim); ++i) {
            box[i].low = std::min(lower[i].low, upper[i].low);
            box[i].high = std::max(lower[i].high, upper[i].high);
        }
        return node;
    }

    int widest(std::size_t left, std::size_t right) {
        int best = 0;
        typename Base::ElementType spread = -1, low = 0, high = 0;
        for (int i = 0; i < this->dim; ++i) {
            this->computeMinMax(*this, left, right - left, i, low, high);
            if (high - low > spread) spread = high - low, best = i;
        }
        return best;
    }

    typename Base::ElementType halve(std::size_t left, std::size_t middle, std::size_t right,
                                     int dimension) {
        const auto at = [&](std::size_t i) {
            return this->vAcc.begin() + static_cast<std::ptrdiff_t>(i);
        };
        std::nth_element(at(left), at(middle), at(right), [&](std::uint32_t a, std::uint32_t b) {
            return this->dataset_get(*this, a, dimension) < this->dataset_get(*this, b, dimension);
        });
        return this->dataset_get(*this, *at(middle), dimension);
    }
};

// dimensions: known when compiled, or -1.
template <class T, int dimensions> class Tree {
  public:
    Tree(const T *points, std::size_t count, std::size_t width)
        : cloud_{points, count, width}, index_(cloud_, leaf_points) {
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
    Index<Metric, Cloud, dimensions> index_;
    std::vector<std::uint32_t> order_; // of the points in the leaves
    std::vector<T> sorted_;
};

} // namespace geometry
