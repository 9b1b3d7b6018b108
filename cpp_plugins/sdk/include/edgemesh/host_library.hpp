// A loaded plugin: dlopen, the handshake, describe, run.
#ifndef EDGEMESH_HOST_LIBRARY_HPP
#define EDGEMESH_HOST_LIBRARY_HPP

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <sys/stat.h>

#include "elf.hpp"
#include "host_call.hpp"

namespace edgemesh::host {

// A plugin that cannot be loaded. reason tells programs what the message tells people:
//   "missing_file" "not_elf" "torn" "dlopen" "missing_symbol" "wrong_abi" "open" "describe"
//   "self_test"
class LoadError : public std::runtime_error {
  public:
    LoadError(const std::string &path, std::string reason, const std::string &message)
        : std::runtime_error(path + ": " + message), path_(path), reason_(std::move(reason)) {}
    const std::string &path() const noexcept { return path_; }
    const std::string &reason() const noexcept { return reason_; }

  private:
    std::string path_;
    std::string reason_;
};

struct Input {
    std::string name;
    edgemesh_dtype dtype = EDGEMESH_BYTES;
    Shape shape;
    const void *data = nullptr; // aligned for dtype
    std::uint64_t nbytes = 0;
    std::string media_type;
};

struct Request {
    std::string algorithm;
    std::string version;    // empty: any
    std::string parameters; // JSON object
    std::vector<Input> inputs;
    std::uint32_t threads = 1;
    std::uint64_t memory_bytes = 0;
    std::int64_t run_time_ns = 0;
};

class Library {
  public:
    // Loads, checks the ABI version, opens. LoadError says what went wrong.
    explicit Library(const std::string &path) : path_(path) {
        void *const handle = load();
        const auto *const version =
            static_cast<const std::uint32_t *>(symbol(handle, "edgemesh_plugin_abi_version"));
        abi_version_ = *version;
        if (abi_version_ != EDGEMESH_PLUGIN_ABI_VERSION) {
            throw LoadError(path_, "wrong_abi",
                            "speaks version " + std::to_string(abi_version_) +
                                " of the plugin interface, this host speaks " +
                                std::to_string(EDGEMESH_PLUGIN_ABI_VERSION));
        }
        open(reinterpret_cast<decltype(&edgemesh_plugin_open)>(
            symbol(handle, "edgemesh_plugin_open")));
    }
    ~Library() { close(); }
    Library(const Library &) = delete;
    Library &operator=(const Library &) = delete;

    const std::string &path() const noexcept { return path_; }
    std::uint32_t abi_version() const noexcept { return abi_version_; }
    bool closed() const noexcept { return api_.run == nullptr; }

    // JSON text; its content is not checked.
    std::string describe() const {
        edgemesh_text json{nullptr, 0};
        if (api_.describe(api_.self, &json) != EDGEMESH_OK || json.data == nullptr) {
            throw LoadError(path_, "describe", "does not describe itself");
        }
        return {json.data, json.size};
    }

    // Lets the plugin look whether it works here, if it has such a test: LoadError with its words.
    // For processes that are thrown away.
    void self_test() const {
        if (!EDGEMESH_HAS(&api_, self_test) || api_.self_test == nullptr) return;
        Nobody nobody;
        edgemesh_call call(nobody);
        const edgemesh_status status = api_.self_test(api_.self, &callbacks::table, &call);
        refuse(status, call, "self_test", "failed its self-test");
    }

    // Throws std::invalid_argument if an input's bytes do not fit its shape, RuleBroken if the
    // plugin broke a rule, and whatever the listener threw. Several threads may be in it.
    Outcome run(const Request &request, Listener &listener) const {
        std::vector<edgemesh_tensor> tensors;
        std::vector<const edgemesh_tensor *> pointers;
        tensors.reserve(request.inputs.size()); // pointers point into it
        for (const Input &input : request.inputs) {
            tensors.push_back(tensor(input));
            pointers.push_back(&tensors.back());
        }
        edgemesh_request raw{};
        raw.struct_size = sizeof raw;
        raw.input_count = static_cast<std::uint32_t>(pointers.size());
        raw.algorithm = text(request.algorithm);
        raw.version = text(request.version);
        raw.parameters = text(request.parameters);
        raw.inputs = pointers.data();
        raw.threads = request.threads == 0 ? 1 : request.threads;
        raw.memory_bytes = request.memory_bytes;
        raw.run_time_ns = request.run_time_ns;
        edgemesh_call call(listener);
        return call.finish(api_.run(api_.self, &raw, &callbacks::table, &call));
    }

    // No call may be running. The code stays mapped.
    void close() noexcept {
        if (!closed() && api_.close != nullptr) api_.close(api_.self);
        api_ = {};
    }

  private:
    static edgemesh_text text(const std::string &string) noexcept {
        return {string.data(), string.size()};
    }

    static edgemesh_tensor tensor(const Input &input) {
        const auto bytes = tensor_bytes(input.dtype, input.shape.data(), input.shape.size());
        if (!bytes || *bytes != input.nbytes) {
            throw std::invalid_argument("inputs." + input.name + ": " +
                                        std::to_string(input.nbytes) + " bytes do not fit " +
                                        dtype_name(input.dtype) + " " + shape_text(input.shape));
        }
        edgemesh_tensor raw{};
        raw.struct_size = sizeof raw;
        raw.dtype = input.dtype;
        raw.rank = static_cast<std::uint32_t>(input.shape.size());
        raw.shape = input.shape.data();
        raw.data = input.data;
        raw.nbytes = input.nbytes;
        raw.name = text(input.name);
        raw.media_type = text(input.media_type);
        return raw;
    }

    void *load() {
        // dlopen searches the system's directories for a name without a slash: resolve it first.
        const std::unique_ptr<char, void (*)(void *)> full(::realpath(path_.c_str(), nullptr),
                                                           std::free);
        struct stat status{};
        if (full == nullptr || ::stat(full.get(), &status) != 0) {
            throw LoadError(path_, "missing_file", std::strerror(errno));
        }
        const ElfState state = S_ISREG(status.st_mode) ? elf_state(full.get()) : ElfState::other;
        if (state == ElfState::other) throw LoadError(path_, "not_elf", "is not a shared object");
        if (state == ElfState::torn) throw LoadError(path_, "torn", "ends before it should");
        void *const handle = ::dlopen(full.get(), RTLD_NOW | RTLD_LOCAL);
        if (handle == nullptr) throw LoadError(path_, "dlopen", ::dlerror());
        return handle;
    }

    void *symbol(void *handle, const char *name) const {
        void *const address = ::dlsym(handle, name);
        if (address == nullptr) {
            throw LoadError(path_, "missing_symbol",
                            "is not an edgemesh plugin: it does not export " + std::string(name));
        }
        return address;
    }

    void open(decltype(&edgemesh_plugin_open) entry) {
        Nobody nobody;
        edgemesh_call call(nobody);
        edgemesh_plugin_api api{};
        api.struct_size = sizeof api;
        refuse(entry(&callbacks::table, &call, &api), call, "open", "did not open");
        if (!EDGEMESH_HAS(&api, close) || api.describe == nullptr || api.run == nullptr) {
            throw LoadError(path_, "open", "did not say how to describe and run it");
        }
        api_ = api;
    }

    // Listens where no call runs.
    struct Nobody : Listener {
        void *allocate(std::size_t) override { throw std::logic_error("no call is running"); }
    };

    // LoadError, in the plugin's own words if it has any, unless all is well.
    void refuse(edgemesh_status status, const edgemesh_call &call, const char *reason,
                const char *what) const {
        const auto &errors = call.outcome.errors;
        if (status == EDGEMESH_OK && errors.empty()) return;
        throw LoadError(path_, reason,
                        errors.empty() ? what + (": status " + std::to_string(status))
                                       : errors.front().subject + ": " + errors.front().message);
    }

    std::string path_;
    std::uint32_t abi_version_ = 0;
    edgemesh_plugin_api api_{};
};

} // namespace edgemesh::host

#endif
