// edgemesh_plugin_host.hpp: the other side of edgemesh_plugin.h. The executor's host module and
// plugins' own tests load plugins through it. A plugin itself does not include it.
//
// The rules it keeps: a plugin's answers are not trusted (statuses, shapes, sizes, names are
// checked; texts are copied at once); no exception of a Listener passes through the plugin's
// frames, it waits here until the plugin has returned; a library that was loaded is never
// unloaded, since threads it started and destructors it registered would run unmapped code.
#ifndef EDGEMESH_PLUGIN_HOST_HPP
#define EDGEMESH_PLUGIN_HOST_HPP

#include "edgemesh/host_call.hpp"
#include "edgemesh/host_library.hpp"

#endif
