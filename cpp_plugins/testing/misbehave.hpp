// What a plugin must never do, by name.
#ifndef TESTING_MISBEHAVE_HPP
#define TESTING_MISBEHAVE_HPP

#include <edgemesh_plugin.hpp>

namespace testing_plugin {

// Parameter "how"; see ways().
void misbehave(edgemesh::Call &call);

// All that it can be asked for.
edgemesh::Json ways();

} // namespace testing_plugin

#endif
