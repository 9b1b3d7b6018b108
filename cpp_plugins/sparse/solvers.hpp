// What the plugin offers: an index.
#pragma once

#include <edgemesh_plugin.hpp>

namespace sparse {

edgemesh::Algorithm spsolve(); // spsolve.cpp
edgemesh::Algorithm cg();      // cg.cpp

} // namespace sparse
