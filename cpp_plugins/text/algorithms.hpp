// What this plugin offers.
#pragma once

#include <edgemesh_plugin.hpp>

namespace text {

edgemesh::Algorithm edit_distance();
edgemesh::Algorithm regex();

} // namespace text
