// cpp.searchsorted: numpy.searchsorted.
#include <algorithm>
#include <cstdint>
#include <string>

#include <edgemesh_plugin.hpp>

#include "../parallel/parallel.hpp"
#include "algorithms.hpp"
#include "order.hpp"

namespace geometry {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

// Where each value belongs. Those that ascend are looked for from the last place on, as NumPy does.
template <bool right, class T>
void places(const edgemesh::View<const T> &a, const T *values, std::int64_t *y, std::size_t count) {
    const T *low = a.begin(), *high = a.end();
    for (std::size_t i = 0; i < count; ++i) {
        const T value = values[i];
        if (i > 0 && !before(value, values[i - 1])) {
            high = a.end();
        } else {
            low = a.begin();
        }
        const T *const place = right ? std::upper_bound(low, high, value, before<T>)
                                     : std::lower_bound(low, high, value, before<T>);
        y[i] = place - a.begin();
        low = high = place;
    }
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &values = call.input("v");
    const auto side = call.parameters().get<std::string>("side", "left");
    if (side != "left" && side != "right") {
        throw InvalidInput("parameters.side", "must be left or right");
    }
    visit_real(call.input("a"), [&](const auto &a) {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(a.data())>>;
        if (a.rank() != 1) throw InvalidInput("inputs.a", "must have one dimension");
        const auto v = values.as<T>();
        const auto y = call.output<std::int64_t>("y", v.shape());
        parallel::over(call, v.size(), 8192, [&](std::size_t begin, std::size_t end) {
            const T *const from = v.data() + begin;
            std::int64_t *const to = y.data() + begin;
            side == "left" ? places<false>(a, from, to, end - begin)
                           : places<true>(a, from, to, end - begin);
        });
    });
}

} // namespace

edgemesh::Algorithm searchsorted() {
    return edgemesh::Algorithm("cpp.searchsorted", "1")
        .about("Where values belong in a sorted array, as numpy.searchsorted; by the C++ standard "
               "library. If it is not sorted, the places mean nothing.")
        .parameter("side", Json{{"enum", {"left", "right"}},
                                {"default", "left"},
                                {"description", "of equal values: before or after them"}})
        .input(real_spec("a").about("[n], ascending, NaN last"))
        .input(real_spec("v").about("any shape, of a's type"))
        .output(edgemesh::TensorSpec("y").of<std::int64_t>().any_rank().allow_empty())
        .run(run);
}

} // namespace geometry
