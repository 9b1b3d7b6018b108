// What Python catches. The exceptions carry fields; see edgemesh_cpp_host.pyi.
//
//   PluginError
//   ├── PluginLoadError      path, reason
//   ├── PluginInvalidInput   fields
//   ├── PluginFailure        type, message
//   ├── PluginCancelled
//   └── PluginRuleBroken     the plugin is at fault
#pragma once

#include <pybind11/pybind11.h>

#include <edgemesh_plugin_host.hpp>

namespace cpp_host {

// Adds the exceptions, and the translation of LoadError and RuleBroken.
void bind_errors(pybind11::module_ &module);

// Throws what an outcome that is not OK means.
[[noreturn]] void raise(const edgemesh::host::Outcome &outcome);

} // namespace cpp_host
