// Slices, turns and reversals of a strided view: copy_to gives what reading each element by its
// indices gives, and nothing outside the memory is touched.
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include <edgemesh_plugin.hpp>

namespace {

using View = edgemesh::Strided<const std::uint16_t>;

View changed(const View &view, FuzzedDataProvider &data) {
    if (view.rank() == 0) return view;
    const auto dimension = data.ConsumeIntegralInRange<std::size_t>(0, view.rank() - 1);
    const std::int64_t length = view.shape()[dimension];
    switch (data.ConsumeIntegralInRange<int>(0, 3)) {
    case 0: return view.reversed(dimension);
    case 1: return view.transposed();
    case 2: {
        std::vector<std::size_t> axes(view.rank());
        std::iota(axes.begin(), axes.end(), std::size_t{0});
        std::swap(axes[0], axes[dimension]);
        return view.transposed(axes);
    }
    default: break;
    }
    if (length == 0) return view;
    const auto first = data.ConsumeIntegralInRange<std::int64_t>(0, length - 1);
    const auto step = data.ConsumeIntegralInRange<std::int64_t>(-3, 3);
    const std::int64_t room = step > 0   ? (length - 1 - first) / step + 1
                              : step < 0 ? first / -step + 1
                                         : 4; // the same element again and again
    return view.slice(dimension, first, data.ConsumeIntegralInRange<std::int64_t>(0, room), step);
}

// The elements, by counting up indices.
std::vector<std::uint16_t> read(const View &view) {
    std::vector<std::uint16_t> elements;
    for (std::size_t flat = 0; flat < view.size(); ++flat) {
        std::size_t rest = flat;
        View element = view;
        for (std::size_t dimension = view.rank(); dimension-- > 0;) {
            const std::size_t length = view.length(dimension);
            element = element.slice(dimension, static_cast<std::int64_t>(rest % length), 1);
            rest /= length;
        }
        elements.push_back(*element.data());
    }
    return elements;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    edgemesh::Shape shape(data.ConsumeIntegralInRange<std::size_t>(0, 4));
    std::size_t count = 1;
    for (std::int64_t &length : shape) {
        length = data.ConsumeIntegralInRange<std::int64_t>(0, 4);
        count *= static_cast<std::size_t>(length);
    }
    std::vector<std::uint16_t> memory(count);
    std::iota(memory.begin(), memory.end(), std::uint16_t{0});
    View view(memory.data(), shape, edgemesh::c_strides(shape, sizeof(std::uint16_t)));
    if (!view.contiguous()) std::abort();
    for (int i = 0; i < 8 && data.remaining_bytes() > 0; ++i) view = changed(view, data);
    if (view.size() > 4096) return 0;
    std::vector<std::uint16_t> copy(view.size());
    view.copy_to(copy.data());
    if (copy != read(view)) std::abort();
    return 0;
}
