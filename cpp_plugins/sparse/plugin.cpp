// Systems of equations with few elements.
#include "solvers.hpp"

EDGEMESH_PLUGIN("sparse", "1.0.0", sparse::spsolve(), sparse::cg())
