// A request of any shapes, types and sizes, through the host library into a plugin: it is refused,
// or it is run and reads and writes nothing but its own memory.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include <edgemesh_plugin_testing.hpp>

namespace {

namespace host = edgemesh::host;
constexpr std::size_t most_bytes = 1U << 14;

// Refuses what a worker would not have.
struct Small : edgemesh::testing::Recorder {
    void *allocate(std::size_t nbytes) override {
        if (nbytes > most_bytes) throw std::bad_alloc();
        return Recorder::allocate(nbytes);
    }
};

edgemesh::Shape shape(FuzzedDataProvider &data) {
    edgemesh::Shape lengths(data.ConsumeIntegralInRange<std::size_t>(0, EDGEMESH_MAX_RANK + 2));
    constexpr std::array<std::int64_t, 8> odd{0,
                                              1,
                                              2,
                                              3,
                                              -1,
                                              std::int64_t{1} << 32,
                                              std::numeric_limits<std::int64_t>::max(),
                                              std::numeric_limits<std::int64_t>::min()};
    for (std::int64_t &length : lengths) {
        const auto choice = data.ConsumeIntegral<std::uint8_t>();
        length = choice < odd.size() ? odd[choice]
                 : choice < 250      ? choice % 5 + 1
                                     : data.ConsumeIntegral<std::int64_t>();
    }
    return lengths;
}

// Its elements in a block that ends where they end.
host::Input input(FuzzedDataProvider &data, std::vector<std::unique_ptr<std::byte[]>> &blocks) {
    static const std::array<const char *, 4> names{"x", "x", "m", "unknown"};
    host::Input one{};
    one.name = names[data.ConsumeIntegralInRange<std::size_t>(0, 3)];
    one.dtype = data.ConsumeIntegralInRange<edgemesh_dtype>(-1, 18);
    one.shape = shape(data);
    one.nbytes = data.ConsumeIntegralInRange<std::uint64_t>(0, 64);
    const auto fitting = host::tensor_bytes(one.dtype, one.shape.data(), one.shape.size());
    if (fitting && *fitting <= most_bytes && data.ConsumeIntegral<std::uint8_t>() != 0) {
        one.nbytes = *fitting;
    }
    blocks.emplace_back(new std::byte[one.nbytes]());
    one.data = blocks.back().get();
    one.media_type = data.ConsumeRandomLengthString(4);
    return one;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    static const host::Library plugin(FUZZED_PLUGIN);
    FuzzedDataProvider data(bytes, size);
    std::vector<std::unique_ptr<std::byte[]>> blocks;
    host::Request request;
    request.algorithm = data.ConsumeBool() ? "cpp.any" : "cpp.strict";
    const auto count = data.ConsumeIntegralInRange<std::size_t>(0, 3);
    for (std::size_t i = 0; i < count; ++i) request.inputs.push_back(input(data, blocks));
    Small listener;
    try {
        const host::Outcome outcome = plugin.run(request, listener);
        if (outcome.status != EDGEMESH_OK && outcome.status != EDGEMESH_INVALID_INPUT) std::abort();
        if ((outcome.status == EDGEMESH_OK) != (outcome.outputs.size() == 1)) std::abort();
    } catch (const std::invalid_argument &) { // bytes that do not fit the shape
    } catch (const std::bad_alloc &) {
    }
    return 0;
}
