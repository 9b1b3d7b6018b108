#include "errors.h"

#include <exception>
#include <string>
#include <utility>

#include "buffer.h"

namespace py = pybind11;

namespace cpp_host {
namespace {

// Borrowed from the module, which outlives every call.
struct {
    py::handle load, invalid_input, failure, cancelled, rule_broken;
} types;

py::object make(py::handle type, const py::str &message) { return type(message); }

[[noreturn]] void raise(const py::object &error) {
    PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(error.ptr())), error.ptr());
    throw py::error_already_set();
}

py::handle declare(py::module_ &module, const char *name, py::handle base, const char *doc) {
    const std::string full = "edgemesh_cpp_host." + std::string(name);
    PyObject *const type = PyErr_NewExceptionWithDoc(full.c_str(), doc, base.ptr(), nullptr);
    if (type == nullptr) throw py::error_already_set();
    module.add_object(name, py::reinterpret_steal<py::object>(type));
    return type; // the module holds it
}

void translate(std::exception_ptr thrown) {
    try {
        std::rethrow_exception(std::move(thrown));
    } catch (const edgemesh::host::LoadError &error) {
        const py::object raised = make(types.load, decode(error.what()));
        raised.attr("path") = decode(error.path());
        raised.attr("reason") = error.reason();
        PyErr_SetObject(types.load.ptr(), raised.ptr());
    } catch (const edgemesh::host::RuleBroken &error) {
        PyErr_SetObject(types.rule_broken.ptr(),
                        make(types.rule_broken, decode(error.what())).ptr());
    }
}

} // namespace

void bind_errors(py::module_ &module) {
    const py::handle base =
        declare(module, "PluginError", PyExc_Exception, "What goes wrong with a plugin.");
    types.load = declare(module, "PluginLoadError", base, "The plugin cannot be loaded.");
    types.invalid_input = declare(module, "PluginInvalidInput", base,
                                  "The algorithm refused an input or a parameter.");
    types.failure = declare(module, "PluginFailure", base, "The algorithm failed.");
    types.cancelled = declare(module, "PluginCancelled", base, "The algorithm was cancelled.");
    types.rule_broken =
        declare(module, "PluginRuleBroken", base, "The plugin broke a rule of edgemesh_plugin.h.");
    py::register_exception_translator(translate);
}

void raise(const edgemesh::host::Outcome &outcome) {
    if (outcome.status == EDGEMESH_CANCELLED) raise(make(types.cancelled, py::str("cancelled")));
    const edgemesh::host::Error &first = outcome.errors.front();
    const py::str message = decode(first.message);
    if (outcome.status == EDGEMESH_INVALID_INPUT) {
        py::dict fields;
        for (const auto &error : outcome.errors) {
            if (error.kind == EDGEMESH_INVALID_INPUT) {
                fields[decode(error.subject)] = decode(error.message);
            }
        }
        const py::object raised =
            make(types.invalid_input, py::str("{}: {}").format(decode(first.subject), message));
        raised.attr("fields") = fields;
        raise(raised);
    }
    const py::object raised =
        make(types.failure, py::str("{}: {}").format(decode(first.subject), message));
    raised.attr("type") = decode(first.subject);
    raised.attr("message") = message;
    raise(raised);
}

} // namespace cpp_host
