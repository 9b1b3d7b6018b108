// Text: edit distances as rapidfuzz has them, regular expressions by RE2.
#include <edgemesh_plugin.hpp>

#include "algorithms.hpp"

EDGEMESH_PLUGIN("text", "1.0.0", text::edit_distance(), text::regex())
