// The plugin itself: its algorithms behind the C functions of edgemesh_plugin.h. No exception
// leaves this file.
#ifndef EDGEMESH_PLUGIN_PLUGIN_HPP
#define EDGEMESH_PLUGIN_PLUGIN_HPP

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include <cxxabi.h>

#include "algorithm.hpp"
#include "self_test.hpp"

namespace edgemesh {

class Plugin {
  public:
    template <class... Algorithms>
    Plugin(const std::string &name, const std::string &version, Algorithms... algorithms)
        : algorithms_{std::move(algorithms)...} {
        Json description{{"name", name}, {"version", version}, {"algorithms", Json::array()}};
        for (const Algorithm &algorithm : algorithms_) {
            description["algorithms"].push_back(algorithm.describe());
        }
        description_ = description.dump();
    }

    const std::string &description() const noexcept { return description_; }

    // Failure if there is no such algorithm.
    const Algorithm &find(std::string_view name, std::string_view version) const {
        for (const Algorithm &algorithm : algorithms_) {
            if (algorithm.name() == name && (version.empty() || algorithm.version() == version)) {
                return algorithm;
            }
        }
        throw Failure("UnknownAlgorithm", std::string(name));
    }

    const std::vector<Algorithm> &algorithms() const noexcept { return algorithms_; }

  private:
    std::vector<Algorithm> algorithms_;
    std::string description_;
};

namespace detail {

inline std::string type_name(const std::exception &error) noexcept {
    try {
        int status = 0;
        const std::unique_ptr<char, void (*)(void *)> name(
            abi::__cxa_demangle(typeid(error).name(), nullptr, nullptr, &status), std::free);
        return status == 0 ? name.get() : typeid(error).name();
    } catch (...) { // no memory for the name
        return "Unknown";
    }
}

// Runs work; what it throws becomes a report to the host and a status.
template <class Work>
edgemesh_status guarded(const edgemesh_host *host, edgemesh_call *call, Work &&work) noexcept {
    const auto report = [&](edgemesh_status kind, std::string_view subject, const char *message) {
        host->error(call, kind, text(subject), text(message == nullptr ? "" : message));
        return kind;
    };
    try {
        work();
        return EDGEMESH_OK;
    } catch (const InvalidInput &error) {
        return report(EDGEMESH_INVALID_INPUT, error.field(), error.what());
    } catch (const Failure &error) {
        return report(EDGEMESH_FAILED, error.type(), error.what());
    } catch (const Cancelled &) {
        return EDGEMESH_CANCELLED;
    } catch (const Refused &) {
        return EDGEMESH_REFUSED;
    } catch (const std::bad_alloc &) {
        return report(EDGEMESH_FAILED, "OutOfMemory", "there is not enough memory");
    } catch (const std::exception &error) {
        return report(EDGEMESH_FAILED, type_name(error), error.what());
    } catch (...) {
        return report(EDGEMESH_FAILED, "Unknown", "something that is no std::exception was thrown");
    }
}

// Runs an algorithm's self-test. Whatever it throws becomes a Failure that names the algorithm.
inline void self_test(const Algorithm &algorithm) {
    const auto failed = [&](const std::string &type, const std::string &why) {
        return Failure("SelfTestFailed", algorithm.name() + ": " +
                                             (type == "SelfTestFailed" ? "" : type + ": ") + why);
    };
    try {
        SelfTest test(algorithm);
        if (algorithm.test()) algorithm.test()(test);
    } catch (const InvalidInput &error) {
        throw failed(error.field(), error.what());
    } catch (const Failure &error) {
        throw failed(error.type(), error.what());
    } catch (const std::exception &error) {
        throw failed(type_name(error), error.what());
    }
}

inline const Plugin &plugin(edgemesh_plugin *self) noexcept {
    return *reinterpret_cast<const Plugin *>(self);
}

extern "C" {
inline edgemesh_status edgemesh_sdk_describe(edgemesh_plugin *self, edgemesh_text *json) {
    *json = text(plugin(self).description());
    return EDGEMESH_OK;
}
inline edgemesh_status edgemesh_sdk_run(edgemesh_plugin *self, const edgemesh_request *request,
                                        const edgemesh_host *host, edgemesh_call *call) {
    return guarded(host, call, [&] {
        const Algorithm &algorithm =
            plugin(self).find(view(request->algorithm), view(request->version));
        Call one(*request, *host, call);
        algorithm(one);
    });
}
inline edgemesh_status edgemesh_sdk_self_test(edgemesh_plugin *self, const edgemesh_host *host,
                                              edgemesh_call *call) {
    return guarded(host, call, [&] {
        for (const Algorithm &algorithm : plugin(self).algorithms()) self_test(algorithm);
    });
}
inline void edgemesh_sdk_close(edgemesh_plugin *self) { delete reinterpret_cast<Plugin *>(self); }
}

template <class Make>
edgemesh_status open(Make &&make, const edgemesh_host *host, edgemesh_call *call,
                     edgemesh_plugin_api *api) noexcept {
    return guarded(host, call, [&] {
        if (host->abi_version != EDGEMESH_PLUGIN_ABI_VERSION || !EDGEMESH_HAS(api, close)) {
            throw Failure("WrongHost", "the host speaks another version of the plugin interface");
        }
        api->self = reinterpret_cast<edgemesh_plugin *>(std::make_unique<Plugin>(make()).release());
        api->describe = edgemesh_sdk_describe;
        api->run = edgemesh_sdk_run;
        api->close = edgemesh_sdk_close;
        const bool has_room = EDGEMESH_HAS(api, self_test); // a host of before 1.2 has none
        if (has_room) api->self_test = edgemesh_sdk_self_test;
        api->struct_size =
            has_room ? sizeof(edgemesh_plugin_api) : offsetof(edgemesh_plugin_api, self_test);
    });
}

} // namespace detail
} // namespace edgemesh

// EDGEMESH_PLUGIN(name, version, algorithms...): once in a plugin, outside of every namespace.
#define EDGEMESH_PLUGIN(...)                                                                       \
    const std::uint32_t edgemesh_plugin_abi_version = EDGEMESH_PLUGIN_ABI_VERSION;                 \
    edgemesh_status edgemesh_plugin_open(const edgemesh_host *host, edgemesh_call *call,           \
                                         edgemesh_plugin_api *api) {                               \
        return edgemesh::detail::open([] { return edgemesh::Plugin(__VA_ARGS__); }, host, call,    \
                                      api);                                                        \
    }

#endif
