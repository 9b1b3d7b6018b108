// cpp.sort and cpp.argsort: numpy.sort and numpy.argsort.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/sort/spreadsort/spreadsort.hpp>
#include <edgemesh_plugin.hpp>

#include "../parallel/parallel.hpp"
#include "algorithms.hpp"
#include "order.hpp"

namespace geometry {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::Shape;

// An array as lanes along one of its axes: element i of a lane is `stride` after the one before.
struct Lanes {
    std::size_t count, length, stride;
    Shape shape; // of the result
    std::size_t begin(std::size_t lane) const {
        return lane / stride * length * stride + lane % stride;
    }
};

Lanes lanes(const edgemesh::Call &call, const Shape &shape, std::size_t size) {
    const auto given = call.parameters().find<Json>("axis");
    if (given && given->is_null()) return {1, size, 1, {static_cast<std::int64_t>(size)}};
    const auto rank = static_cast<std::int64_t>(shape.size());
    const auto axis = call.parameters().get<std::int64_t>("axis", -1);
    if (axis < -rank || axis >= rank) {
        throw InvalidInput("parameters.axis", "must lie in " + std::to_string(-rank) + " to " +
                                                  std::to_string(rank - 1) + ", is " +
                                                  std::to_string(axis));
    }
    const auto at = static_cast<std::size_t>(axis < 0 ? axis + rank : axis);
    Lanes lanes{0, static_cast<std::size_t>(shape[at]), 1, shape};
    if (size == 0) return lanes;
    for (std::size_t i = at + 1; i < shape.size(); ++i) {
        lanes.stride *= static_cast<std::size_t>(shape[i]);
    }
    lanes.count = size / lanes.length;
    return lanes;
}

bool stable(const edgemesh::Call &call) {
    const auto kind = call.parameters().get<std::string>("kind", "quicksort");
    if (kind == "stable") return true;
    if (kind == "quicksort") return false;
    throw InvalidInput("parameters.kind", "must be quicksort or stable");
}

// Lanes that one thread takes at a time: enough work to be worth it.
std::size_t piece(const Lanes &lanes) {
    return std::max<std::size_t>(1, 16384 / std::max<std::size_t>(1, lanes.length));
}

template <class T> void sort_lane(T *begin, T *end, bool keep) {
    T *const numbers = std::partition(begin, end, [](T value) { return !is_nan(value); });
    if (keep) {
        std::stable_sort(begin, numbers);
    } else if constexpr (sizeof(T) >= 4) {
        boost::sort::spreadsort::spreadsort(begin, numbers); // by digits: several times as fast
    } else {
        std::sort(begin, numbers);
    }
}

void run_sort(edgemesh::Call &call) {
    visit_real(call.input("x"), [&](const auto &x) {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(x.data())>>;
        const Lanes all = lanes(call, x.shape(), x.size());
        const bool keep = stable(call);
        const auto y = call.output<T>("y", all.shape);
        std::copy(x.begin(), x.end(), y.begin());
        parallel::over(call, all.count, piece(all), [&](std::size_t begin, std::size_t end) {
            std::vector<T> lane(all.stride == 1 ? 0 : all.length);
            for (std::size_t i = begin; i < end; ++i) {
                T *const first = y.data() + all.begin(i);
                if (all.stride == 1) {
                    sort_lane(first, first + all.length, keep);
                    continue;
                }
                for (std::size_t j = 0; j < all.length; ++j) lane[j] = first[j * all.stride];
                sort_lane(lane.data(), lane.data() + all.length, keep);
                for (std::size_t j = 0; j < all.length; ++j) first[j * all.stride] = lane[j];
            }
        });
    });
}

// Values beside their places: to sort these is faster than to sort places and look values up.
template <class T, class Place> struct Placed {
    T value;
    Place place;
    friend bool operator<(const Placed &a, const Placed &b) {
        return before(a.value, b.value) || (!before(b.value, a.value) && a.place < b.place);
    }
};

template <class Place, class T>
void argsort(const edgemesh::Call &call, const Lanes &all, const T *x, std::int64_t *y) {
    parallel::over(call, all.count, piece(all), [&](std::size_t begin, std::size_t end) {
        std::vector<Placed<T, Place>> lane(all.length);
        for (std::size_t i = begin; i < end; ++i) {
            const T *const from = x + all.begin(i);
            std::int64_t *const to = y + all.begin(i);
            for (std::size_t j = 0; j < all.length; ++j) {
                lane[j] = {from[j * all.stride], static_cast<Place>(j)};
            }
            std::sort(lane.begin(), lane.end()); // no two are equal: stable
            for (std::size_t j = 0; j < all.length; ++j) {
                to[j * all.stride] = static_cast<std::int64_t>(lane[j].place);
            }
        }
    });
}

void run_argsort(edgemesh::Call &call) {
    visit_real(call.input("x"), [&](const auto &x) {
        const Lanes all = lanes(call, x.shape(), x.size());
        static_cast<void>(stable(call));
        const auto y = call.output<std::int64_t>("y", all.shape);
        if (all.length <= UINT32_MAX) {
            argsort<std::uint32_t>(call, all, x.data(), y.data());
        } else {
            argsort<std::uint64_t>(call, all, x.data(), y.data());
        }
    });
}

edgemesh::Algorithm with_axis(const std::string &name, const std::string &about) {
    return edgemesh::Algorithm(name, "1")
        .about(about)
        .parameter("axis", Json{{"type", {"integer", "null"}},
                                {"default", -1},
                                {"description", "axis to sort along, negative ones from the end; "
                                                "null: the array as one lane"}})
        .parameter("kind", Json{{"enum", {"quicksort", "stable"}}, {"default", "quicksort"}})
        .input(real_spec("x").about("an array of at least one dimension"));
}

} // namespace

edgemesh::Algorithm sort() {
    return with_axis("cpp.sort",
                     "An array in ascending order, NaN last, as numpy.sort; by Boost.Sort's "
                     "spreadsort, or the C++ standard library.")
        .output(real_spec("y").about("of x's type"))
        .run(run_sort);
}

edgemesh::Algorithm argsort() {
    return with_axis("cpp.argsort", "The indices that would sort an array, NaN last, as "
                                    "numpy.argsort, of equal ones the first first whatever the "
                                    "kind; by the C++ standard library.")
        .output(edgemesh::TensorSpec("y").of<std::int64_t>().any_rank().allow_empty())
        .run(run_argsort);
}

} // namespace geometry
