#include "qhull.hpp"

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_map>
#include <utility>

extern "C" {
#include <libqhull_r/qhull_ra.h>
}

namespace geometry {

Qhull::Qhull(std::vector<double> points)
    : points_(std::move(points)), qhull_(new qhT()), stream_(open_memstream(&said_, &said_size_)) {
    if (stream_ == nullptr) {
        delete qhull_;
        throw std::bad_alloc();
    }
    qh_zero(qhull_, stream_);
}

Qhull::Qhull(std::vector<double> points, int count, int width, const std::string &options)
    : Qhull(std::move(points)) {
    std::string command = "qhull " + options;
    // It sets a target of its own.
    const int code =
        qh_new_qhull(qhull_, width, count, points_.data(), False, command.data(), nullptr, stream_);
    if (code != 0) fail(code);
}

Qhull::~Qhull() {
    int long_left = 0, short_left = 0;
    qhull_->NOerrexit = True; // freeing never fails
    qh_freeqhull(qhull_, !qh_ALL);
    qh_memfreeshort(qhull_, &long_left, &short_left);
    delete qhull_;
    std::fclose(stream_);
    std::free(said_);
}

// Step has no C++ object on its stack when Qhull jumps.
template <class Step> void Qhull::guarded(Step step) {
    const int code = setjmp(qhull_->errexit);
    if (code == 0) {
        qhull_->NOerrexit = False;
        step(qhull_);
    }
    qhull_->NOerrexit = True;
    if (code != 0) fail(code);
}

void Qhull::fail(int code) {
    std::fflush(stream_);
    if (code == qh_ERRmem) throw std::bad_alloc();
    std::string message(said_, said_size_);
    message = message.substr(0, message.find('\n')); // the rest is advice, at length
    // Other faults of the input have been looked for before.
    if (code == qh_ERRsingular || code == qh_ERRinput) {
        throw edgemesh::Failure("FlatPoints", "the points lie in fewer dimensions, or too near "
                                              "to: " +
                                                  message);
    }
    throw edgemesh::Failure("QhullError", message);
}

void Qhull::triangulate() {
    guarded([](qhT *qhull) { qh_triangulate(qhull); });
}

int Qhull::corners() const { return qhull_->hull_dim; }

std::vector<facetT *> Qhull::facets() const {
    std::vector<facetT *> all;
    for (facetT *facet = qhull_->facet_list; facet != nullptr && facet->next != nullptr;
         facet = facet->next) {
        // The upper half of a lifted paraboloid is no part of the triangulation.
        if (qhull_->DELAUNAY && facet->upperdelaunay == qhull_->UPPERdelaunay) all.push_back(facet);
        if (!qhull_->DELAUNAY) all.push_back(facet);
    }
    return all;
}

Qhull::Simplices Qhull::simplices(const std::vector<facetT *> &facets) const {
    const auto width = static_cast<std::size_t>(corners());
    std::unordered_map<unsigned, std::int32_t> numbers;
    numbers.reserve(facets.size());
    for (const facetT *const facet : facets) {
        numbers.emplace(facet->id, static_cast<std::int32_t>(numbers.size()));
    }
    Simplices simplices;
    simplices.corners.reserve(facets.size() * width);
    simplices.neighbours.reserve(facets.size() * width);
    for (const facetT *const facet : facets) {
        if (qh_setsize(qhull_, facet->vertices) != corners() ||
            qh_setsize(qhull_, facet->neighbors) != corners()) {
            throw edgemesh::Failure("QhullError", "a facet is no simplex");
        }
        for (std::size_t i = 0; i < width; ++i) {
            // Of a triangle of the hull's, the first two are exchanged so that all go round alike.
            const bool exchange =
                width == 3 && i < 2 && (facet->toporient != 0) == (qh_ORIENTclock != 0);
            const std::size_t at = exchange ? 1 - i : i;
            const auto *const corner = static_cast<vertexT *>(facet->vertices->e[at].p);
            const auto *const neighbour = static_cast<facetT *>(facet->neighbors->e[at].p);
            simplices.corners.push_back(qh_pointid(qhull_, corner->point));
            const auto found = numbers.find(neighbour->id);
            simplices.neighbours.push_back(found == numbers.end() ? -1 : found->second);
        }
    }
    return simplices;
}

Qhull::Size Qhull::size() {
    guarded([](qhT *qhull) { qh_getarea(qhull, qhull->facet_list); });
    return {qhull_->totarea, qhull_->totvol};
}

} // namespace geometry
