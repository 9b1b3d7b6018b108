// Any text as parameters: it is refused as InvalidInput, or read without loss.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;

// A value that is taken is the one that was given.
template <class T> void read(const edgemesh::Parameters &parameters, const std::string &name) {
    try {
        const T value = parameters.get<T>(name);
        if (!(Json(value) == parameters.json()[name])) std::abort();
    } catch (const InvalidInput &error) {
        if (error.field().rfind("parameters.", 0) != 0) std::abort();
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    try {
        const edgemesh::Parameters parameters(
            std::string_view(reinterpret_cast<const char *>(bytes), size));
        for (const auto &item : parameters.json().items()) {
            read<bool>(parameters, item.key());
            read<std::string>(parameters, item.key());
            read<std::int8_t>(parameters, item.key());
            read<std::uint8_t>(parameters, item.key());
            read<std::int64_t>(parameters, item.key());
            read<std::uint64_t>(parameters, item.key());
            read<double>(parameters, item.key());
            read<Json>(parameters, item.key());
            read<std::vector<std::int64_t>>(parameters, item.key());
            read<std::vector<std::vector<double>>>(parameters, item.key());
            read<std::vector<std::string>>(parameters, item.key());
            try { // rounds, and must not overflow
                static_cast<void>(parameters.get<float>(item.key()));
            } catch (const InvalidInput &) {
            }
        }
    } catch (const InvalidInput &error) {
        if (error.field() != "parameters") std::abort();
    }
    return 0;
}
