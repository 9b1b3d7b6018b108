// cpp.sort and cpp.argsort: numpy.sort and numpy.argsort.
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

#include <edgemesh_plugin.hpp>
#include <hwy/aligned_allocator.h>

#include "../parallel/parallel.hpp"
#include "../sorting/placed.hpp"
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

// Each value as often as there is one: there are only 256.
template <class T> void count_sort(T *begin, T *end) {
    std::array<std::size_t, 256> counts{};
    for (const T *at = begin; at != end; ++at) ++counts[static_cast<std::uint8_t>(*at)];
    constexpr int least = std::is_signed_v<T> ? -128 : 0;
    for (int value = least; value < least + 256; ++value) {
        begin = std::fill_n(begin, counts[static_cast<std::uint8_t>(value)], static_cast<T>(value));
    }
}

// Highway's vectorised quicksort, by the widest vectors that the processor has.
template <class T> void sort_lane(const hwy::Sorter &sorter, T *begin, T *end, bool keep) {
    if constexpr (sizeof(T) == 1) {
        count_sort(begin, end);
    } else if constexpr (std::is_integral_v<T>) { // equal ones cannot be told from each other
        sorter(begin, static_cast<std::size_t>(end - begin), hwy::SortAscending());
    } else {
        T *const numbers = std::partition(begin, end, [](T value) { return !is_nan(value); });
        if (keep) { // 0 and -0 are equal
            std::stable_sort(begin, numbers);
        } else {
            sorting::sort_floats(sorter, begin, numbers);
        }
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
            const hwy::Sorter sorter; // of this thread
            std::vector<T> lane(all.stride == 1 ? 0 : all.length);
            for (std::size_t i = begin; i < end; ++i) {
                T *const first = y.data() + all.begin(i);
                if (all.stride == 1) {
                    sort_lane(sorter, first, first + all.length, keep);
                    continue;
                }
                for (std::size_t j = 0; j < all.length; ++j) lane[j] = first[j * all.stride];
                sort_lane(sorter, lane.data(), lane.data() + all.length, keep);
                for (std::size_t j = 0; j < all.length; ++j) first[j * all.stride] = lane[j];
            }
        });
    });
}

template <class Placed, class T>
void argsort(const edgemesh::Call &call, const Lanes &all, const T *x, std::int64_t *y) {
    parallel::over(call, all.count, piece(all), [&](std::size_t begin, std::size_t end) {
        const hwy::Sorter sorter; // of this thread
        const auto lane = hwy::AllocateAligned<typename Placed::Number>(all.length);
        if (lane == nullptr) throw std::bad_alloc();
        for (std::size_t i = begin; i < end; ++i) {
            const T *const from = x + all.begin(i);
            std::int64_t *const to = y + all.begin(i);
            for (std::size_t j = 0; j < all.length; ++j) {
                lane[j] = Placed::join(sorting::key(from[j * all.stride]), j);
            }
            sorter(lane.get(), all.length, hwy::SortAscending());
            for (std::size_t j = 0; j < all.length; ++j)
                to[j * all.stride] = Placed::place(lane[j]);
        }
    });
}

void run_argsort(edgemesh::Call &call) {
    visit_real(call.input("x"), [&](const auto &x) {
        const Lanes all = lanes(call, x.shape(), x.size());
        static_cast<void>(stable(call));
        const auto y = call.output<std::int64_t>("y", all.shape);
        using T = std::remove_const_t<std::remove_pointer_t<decltype(x.data())>>;
        if constexpr (sizeof(T) <= 4) {
            if (all.length <= UINT32_MAX)
                return argsort<sorting::Narrow>(call, all, x.data(), y.data());
        }
        argsort<sorting::Wide>(call, all, x.data(), y.data());
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
                     "An array in ascending order, NaN last, as numpy.sort; by Highway's "
                     "vectorised quicksort.")
        .output(real_spec("y").about("of x's type"))
        .run(run_sort);
}

edgemesh::Algorithm argsort() {
    return with_axis("cpp.argsort", "The indices that would sort an array, NaN last, as "
                                    "numpy.argsort, of equal ones the first first whatever the "
                                    "kind; by Highway's vectorised quicksort.")
        .output(edgemesh::TensorSpec("y").of<std::int64_t>().any_rank().allow_empty())
        .run(run_argsort);
}

} // namespace geometry
