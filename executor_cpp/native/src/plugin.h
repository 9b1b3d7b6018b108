// Plugin, Run and Output: the classes that Python works with.
#pragma once

#include <pybind11/pybind11.h>

namespace cpp_host {

void bind_plugin(pybind11::module_ &module);

} // namespace cpp_host
