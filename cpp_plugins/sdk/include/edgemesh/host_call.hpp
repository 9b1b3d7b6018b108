// One call as the host sees it: the callbacks that a plugin is given, and what it answered.
#ifndef EDGEMESH_HOST_CALL_HPP
#define EDGEMESH_HOST_CALL_HPP

#include <algorithm>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dtype.hpp"

namespace edgemesh::host {

// Bytes of shape x dtype; nothing if either is malformed or the product overflows.
inline std::optional<std::uint64_t> tensor_bytes(edgemesh_dtype dtype, const std::int64_t *shape,
                                                 std::size_t rank) noexcept {
    const DtypeInfo *const info = find_dtype(dtype);
    if (info == nullptr || rank > EDGEMESH_MAX_RANK) return std::nullopt;
    // The product is bounded even if some length is 0: views compute partial products.
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    std::uint64_t bytes = info->size;
    bool empty = false;
    for (std::size_t i = 0; i < rank; ++i) {
        if (shape[i] < 0) return std::nullopt;
        if (shape[i] == 0) {
            empty = true;
            continue;
        }
        const auto length = static_cast<std::uint64_t>(shape[i]);
        if (bytes > most / length) return std::nullopt;
        bytes *= length;
    }
    return empty ? 0 : bytes;
}

// What listens to a call. An exception thrown by any of these ends the call and is thrown again
// by Library::run. `cancelled` is called by any thread, and often.
class Listener {
  public:
    virtual ~Listener() = default;
    // Memory of nbytes > 0, 16-byte aligned, that lives until the call's outcome has been used.
    virtual void *allocate(std::size_t nbytes) = 0;
    // Such memory for the output of that name; it may be where the caller wants to have it.
    virtual void *place(std::string_view /*name*/, std::size_t nbytes) { return allocate(nbytes); }
    virtual bool cancelled() { return false; }
    virtual void progress(double /*fraction*/, std::string_view /*message*/) {}
    virtual void print(int /*stream*/, std::string_view /*text*/) {}
};

struct Error {
    edgemesh_status kind;
    std::string subject; // a field's path, or the failure's type
    std::string message;
};

struct Output {
    std::string name;
    edgemesh_dtype dtype;
    Shape shape;
    void *data;
    std::uint64_t nbytes;
    std::string media_type;
};

// What came of a call: status is EDGEMESH_OK, INVALID_INPUT, FAILED (each of the latter two with
// at least one error) or CANCELLED.
struct Outcome {
    edgemesh_status status = EDGEMESH_OK;
    std::vector<Error> errors;
    std::vector<Output> outputs;
    std::optional<std::string> result;
};

// The plugin broke a rule of edgemesh_plugin.h.
class RuleBroken : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

} // namespace edgemesh::host

// The plugin holds a pointer to this and knows nothing of it.
struct edgemesh_call {
    explicit edgemesh_call(edgemesh::host::Listener &listening) : listener(listening) {}
    edgemesh_call(const edgemesh_call &) = delete;
    edgemesh_call &operator=(const edgemesh_call &) = delete;

    edgemesh::host::Listener &listener;
    edgemesh::host::Outcome outcome;
    std::string broken_rule;
    std::exception_ptr thrown; // by the listener
    std::mutex mutex;          // of everything above, but for the listener's cancelled()

    // Runs work under the mutex unless the call has already gone wrong; keeps what it throws.
    template <class Work> edgemesh_status with(Work &&work) noexcept {
        const std::lock_guard<std::mutex> lock(mutex);
        if (thrown != nullptr) return EDGEMESH_REFUSED;
        try {
            work();
            return broken_rule.empty() ? EDGEMESH_OK : EDGEMESH_REFUSED;
        } catch (...) {
            thrown = std::current_exception();
            return EDGEMESH_REFUSED;
        }
    }

    // What the plugin returned, made sense of.
    edgemesh::host::Outcome finish(edgemesh_status status) {
        const std::lock_guard<std::mutex> lock(mutex);
        if (thrown != nullptr) std::rethrow_exception(thrown);
        if (!broken_rule.empty()) throw edgemesh::host::RuleBroken(broken_rule);
        if (!outcome.errors.empty()) {
            outcome.status = outcome.errors.front().kind;
            return std::move(outcome);
        }
        switch (status) {
        case EDGEMESH_OK:
        case EDGEMESH_CANCELLED: outcome.status = status; return std::move(outcome);
        case EDGEMESH_INVALID_INPUT:
        case EDGEMESH_FAILED:
        case EDGEMESH_REFUSED:
            throw edgemesh::host::RuleBroken("returned status " + std::to_string(status) +
                                             " without an error");
        default:
            throw edgemesh::host::RuleBroken("returned the unknown status " +
                                             std::to_string(status));
        }
    }
};

namespace edgemesh::host {

namespace callbacks {

inline std::string_view view(edgemesh_text text) noexcept {
    return text.data == nullptr ? std::string_view() : std::string_view(text.data, text.size);
}

inline void error(edgemesh_call *call, edgemesh_status kind, edgemesh_text subject,
                  edgemesh_text message) {
    constexpr std::size_t most_errors = 64; // a report per element helps nobody
    call->with([&] {
        if (kind != EDGEMESH_INVALID_INPUT && kind != EDGEMESH_FAILED) {
            call->broken_rule = "reported an error of the unknown kind " + std::to_string(kind);
        } else if (call->outcome.errors.size() < most_errors) {
            call->outcome.errors.push_back(
                {kind, std::string(view(subject)), std::string(view(message))});
        }
    });
}

inline edgemesh_status output(edgemesh_call *call, edgemesh_text name, edgemesh_dtype dtype,
                              const std::int64_t *shape, std::uint32_t rank, void **data) {
    *data = nullptr;
    return call->with([&] {
        const std::string key(view(name));
        const auto bytes = tensor_bytes(dtype, shape, rank);
        auto &outputs = call->outcome.outputs;
        if (!bytes) {
            call->broken_rule = "asked for the output " + key + " with a malformed shape or type";
        } else if (std::any_of(outputs.begin(), outputs.end(),
                               [&](const Output &one) { return one.name == key; })) {
            call->broken_rule = "asked for the output " + key + " twice";
        } else {
            alignas(64) static char nothing[64]; // where empty outputs point
            *data = *bytes == 0 ? nothing : call->listener.place(key, *bytes);
            outputs.push_back({key, dtype, Shape(shape, shape + rank), *data, *bytes, ""});
        }
    });
}

inline edgemesh_status result(edgemesh_call *call, edgemesh_text json) {
    return call->with([&] { call->outcome.result = std::string(view(json)); });
}

inline std::int32_t cancelled(edgemesh_call *call) {
    try {
        return call->listener.cancelled() ? 1 : 0;
    } catch (...) {
        const std::lock_guard<std::mutex> lock(call->mutex);
        if (call->thrown == nullptr) call->thrown = std::current_exception();
        return 1;
    }
}

inline void progress(edgemesh_call *call, double fraction, edgemesh_text message) {
    call->with([&] {
        // NaN fails both comparisons, and is dropped.
        if (fraction >= 0.0 && fraction <= 1.0) call->listener.progress(fraction, view(message));
    });
}

inline void print(edgemesh_call *call, std::int32_t stream, edgemesh_text text) {
    call->with([&] {
        if (stream == 1 || stream == 2) call->listener.print(stream, view(text));
    });
}

inline edgemesh_status media_type(edgemesh_call *call, edgemesh_text name, edgemesh_text type) {
    constexpr std::size_t most = 255; // what the contract takes
    return call->with([&] {
        auto &outputs = call->outcome.outputs;
        const auto found = std::find_if(outputs.begin(), outputs.end(),
                                        [&](const Output &one) { return one.name == view(name); });
        if (found == outputs.end() || type.size > most) {
            call->broken_rule = "gave a media type to an output that is none, or a long one";
        } else {
            found->media_type = view(type);
        }
    });
}

inline constexpr edgemesh_host table = {
    sizeof(edgemesh_host),
    EDGEMESH_PLUGIN_ABI_VERSION,
    error,
    output,
    result,
    cancelled,
    progress,
    print,
    media_type,
};

} // namespace callbacks

} // namespace edgemesh::host

#endif
