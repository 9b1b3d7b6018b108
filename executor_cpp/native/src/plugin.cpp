#include "plugin.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <edgemesh_plugin_host.hpp>

#include "buffer.h"
#include "errors.h"
#include "listener.h"
#include "process_state.h"

namespace py = pybind11;

namespace cpp_host {
namespace {

namespace host = edgemesh::host;

struct Output {
    int dtype;
    py::tuple shape;
    py::memoryview data;
    py::str media_type;
};

struct Run {
    std::optional<py::str> result;
    py::dict outputs;
};

// Inputs as the plugin takes them, and what keeps their memory alive. Copies only what is not
// aligned for its elements.
struct Inputs {
    std::vector<host::Input> tensors;
    std::vector<Buffer> buffers;
    std::vector<std::unique_ptr<std::byte[]>> copies; // operator new[] aligns for any element

    explicit Inputs(const py::dict &inputs) {
        for (const auto &[name, tensor] : inputs) {
            Buffer buffer(tensor.attr("data"), /*writable=*/false);
            host::Input input;
            input.name = name.cast<std::string>();
            input.dtype = tensor.attr("dtype").cast<edgemesh_dtype>();
            input.shape = tensor.attr("shape").cast<edgemesh::Shape>();
            input.media_type = py::getattr(tensor, "media_type", py::str()).cast<std::string>();
            input.data = aligned(buffer, input.dtype);
            input.nbytes = buffer.size();
            // A scalar of bytes is what the contract calls bytes without a shape.
            if (input.dtype == EDGEMESH_BYTES && input.shape.empty()) {
                input.shape = {static_cast<std::int64_t>(buffer.size())};
            }
            tensors.push_back(std::move(input));
            buffers.push_back(std::move(buffer));
        }
    }

  private:
    const void *aligned(const Buffer &buffer, edgemesh_dtype dtype) {
        const edgemesh::DtypeInfo *const info = edgemesh::find_dtype(dtype);
        // Complex numbers are aligned as their parts, and no part is larger than 8 bytes.
        if (info == nullptr || buffer.aligned(std::min<std::size_t>(info->size, 8))) {
            return buffer.data();
        }
        copies.emplace_back(new std::byte[buffer.size()]);
        std::memcpy(copies.back().get(), buffer.data(), buffer.size());
        return copies.back().get();
    }
};

std::int64_t nanoseconds(double seconds) {
    if (!(seconds > 0.0)) return 0; // not stated
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 2;
    return static_cast<std::int64_t>(std::min(seconds * 1e9, static_cast<double>(most)));
}

// The process's memory is not what it was: nothing that it computes from now on can be trusted.
[[noreturn]] void overrun(const std::string &output) {
    std::fprintf(stderr, "the plugin wrote past the end of its output %s\n", output.c_str());
    std::abort();
}

class Plugin {
  public:
    explicit Plugin(const std::string &path) {
        const py::gil_scoped_release unlocked; // a library's constructors may take their time
        library_ = std::make_unique<host::Library>(path);
        state_ = ProcessState::now(); // what a library's constructors do is done
    }

    const host::Library &library() const {
        if (library_->closed()) throw py::value_error("the plugin is closed");
        return *library_;
    }
    const std::string &path() const { return library_->path(); }

    Run run(host::Request request, const py::dict &inputs, PythonListener &listener) {
        const host::Library &library = this->library();
        Inputs held(inputs);
        request.inputs = std::move(held.tensors);
        ++running_; // guarded by the GIL
        host::Outcome outcome;
        try {
            const py::gil_scoped_release unlocked;
            outcome = library.run(request, listener);
        } catch (...) {
            --running_;
            look();
            throw;
        }
        --running_;
        look();
        for (const host::Output &output : outcome.outputs) {
            if (!listener.intact(output.data)) overrun(output.name);
        }
        if (outcome.status != EDGEMESH_OK) raise(outcome);
        Run run;
        if (outcome.result) run.result = decode(*outcome.result);
        for (const host::Output &output : outcome.outputs) {
            run.outputs[decode(output.name)] =
                Output{output.dtype, py::tuple(py::cast(output.shape)),
                       listener.memory(output.data), decode(output.media_type)};
        }
        return run;
    }

    const std::string &spoiled() const { return spoiled_; }

    void close() {
        if (running_ > 0) throw std::runtime_error("calls are running");
        library_->close();
    }

  private:
    void look() {
        std::string changed = state_.restore();
        if (spoiled_.empty()) spoiled_ = std::move(changed);
    }

    std::unique_ptr<host::Library> library_;
    ProcessState state_;
    std::string spoiled_;
    int running_ = 0;
};

} // namespace

void bind_plugin(py::module_ &module) {
    py::class_<Output>(module, "Output", "A tensor that an algorithm gave.")
        .def_readonly("dtype", &Output::dtype)
        .def_readonly("shape", &Output::shape)
        .def_readonly("data", &Output::data)
        .def_readonly("media_type", &Output::media_type);
    py::class_<Run>(module, "Run", "What came of a run.")
        .def_readonly("result", &Run::result)
        .def_readonly("outputs", &Run::outputs);
    py::class_<Plugin>(module, "Plugin", "A loaded plugin.")
        .def(py::init([](const std::filesystem::path &path) {
                 return std::make_unique<Plugin>(path.string());
             }),
             py::arg("path"))
        .def_property_readonly("path", [](const Plugin &plugin) { return decode(plugin.path()); })
        .def_property_readonly("spoiled",
                               [](const Plugin &plugin) { return decode(plugin.spoiled()); })
        .def("describe", [](const Plugin &plugin) { return decode(plugin.library().describe()); })
        .def("self_test",
             [](const Plugin &plugin) {
                 const host::Library &library = plugin.library();
                 const py::gil_scoped_release unlocked;
                 library.self_test();
             })
        .def(
            "run",
            [](Plugin &plugin, const std::string &algorithm, const std::string &parameters,
               const py::object &inputs, const py::object &allocate, const std::string &version,
               const py::object &cancelled, const py::object &progress, const py::object &print,
               const py::object &place, std::uint32_t threads, std::uint64_t memory_bytes,
               double run_time_s) {
                PythonListener listener(allocate, place, cancelled, progress, print);
                host::Request request;
                request.algorithm = algorithm;
                request.version = version;
                request.parameters = parameters;
                request.threads = threads;
                request.memory_bytes = memory_bytes;
                request.run_time_ns = nanoseconds(run_time_s);
                return plugin.run(std::move(request), py::dict(inputs), listener);
            },
            py::arg("algorithm"), py::arg("parameters"), py::arg("inputs"), py::arg("allocate"),
            py::kw_only(), py::arg("version") = "", py::arg("cancelled") = py::none(),
            py::arg("progress") = py::none(), py::arg("print") = py::none(),
            py::arg("place") = py::none(), py::arg("threads") = 1, py::arg("memory_bytes") = 0,
            py::arg("run_time_s") = 0.0)
        .def("close", &Plugin::close)
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](Plugin &plugin, const py::args &) { plugin.close(); });
}

} // namespace cpp_host
