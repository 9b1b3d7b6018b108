// edgemesh_cpp_host: loads plugins for Python. An index; edgemesh_cpp_host.pyi is the reference.
#include <pybind11/pybind11.h>

#include "cancel_flag.h"
#include "errors.h"
#include "plugin.h"

namespace py = pybind11;

PYBIND11_MODULE(edgemesh_cpp_host, module) {
    module.doc() = "Loads C++ plugins of edgemesh and runs their algorithms.";
    module.attr("ABI_VERSION") = EDGEMESH_PLUGIN_ABI_VERSION;
    py::dict dtypes;
    for (const auto &info : edgemesh::dtype_table) dtypes[info.name] = info.dtype;
    module.attr("DTYPES") = dtypes;

    cpp_host::bind_errors(module);
    cpp_host::bind_cancel_flag(module);
    cpp_host::bind_plugin(module);
}
