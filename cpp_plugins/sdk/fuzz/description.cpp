// Any text as a plugin's description: its problems are named, whatever it is.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "../tools/description.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *bytes, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char *>(bytes), size);
    try {
        const auto description = edgemesh::tools::parse_description(text);
        if (description.is_discarded()) std::abort();
    } catch (const edgemesh::tools::BadDescription &error) {
        if (error.problems().empty()) std::abort();
    }
    return 0;
}
