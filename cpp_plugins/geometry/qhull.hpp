// Qhull (Barber, Dobkin and Huhdanpaa, "The Quickhull Algorithm for Convex Hulls", 1996) through
// its reentrant library. Qhull reports errors by longjmp, and by exit() where no target is set:
// every call of it lies within one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <edgemesh_plugin.hpp>

struct qhT;
struct facetT;

namespace geometry {

class Qhull {
  public:
    // points: `count` times `width` numbers. options: Qhull's, e.g. "i Qt".
    // Failure: FlatPoints if they lie in fewer dimensions, otherwise QhullError.
    Qhull(std::vector<double> points, int count, int width, const std::string &options);
    ~Qhull();
    Qhull(const Qhull &) = delete;
    Qhull &operator=(const Qhull &) = delete;

    // The facets that are in the result, each with `width` corners after this call.
    void triangulate();
    std::vector<facetT *> facets() const;

    // Of each facet: its corners, and the facet opposite each of them (-1: none).
    struct Simplices {
        std::vector<std::int32_t> corners, neighbours;
    };
    Simplices simplices(const std::vector<facetT *> &facets) const;

    // Of the hull.
    struct Size {
        double area, volume;
    };
    Size size();

    int corners() const; // of a simplex

  private:
    explicit Qhull(std::vector<double> points);
    template <class Step> void guarded(Step step);
    [[noreturn]] void fail(int code);

    std::vector<double> points_;
    qhT *qhull_;
    char *said_ = nullptr; // what Qhull prints
    std::size_t said_size_ = 0;
    std::FILE *stream_;
};

} // namespace geometry
