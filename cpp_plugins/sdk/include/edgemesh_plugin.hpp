// edgemesh_plugin.hpp: the C++17 layer over edgemesh_plugin.h. Read that header's rules first;
// this layer keeps 1 to 4 for its user. Rules 5 to 7 remain yours.
//
//   #include <edgemesh_plugin.hpp>
//
//   void scale(edgemesh::Call& call) {
//       const auto x = call.input("x").as<double>();
//       const auto factor = call.parameters().get<double>("factor", 2.0);
//       auto y = call.output<double>("y", x.shape());
//       for (std::size_t i = 0; i < x.size(); ++i) y[i] = factor * x[i];
//   }
//
//   EDGEMESH_PLUGIN("scale", "1.0.0",
//                   edgemesh::Algorithm("cpp.scale", "1")
//                       .about("y = factor * x")
//                       .parameter("factor", {{"type", "number"}})
//                       .input(edgemesh::TensorSpec("x").of<double>().any_rank())
//                       .output(edgemesh::TensorSpec("y").of<double>().any_rank())
//                       .run(scale))
//
// An exception ends the call: InvalidInput names a field, Failure a type, Cancelled says that the
// call was left; any other std::exception is a failure of that exception's type, and what is none
// is one too. std::terminate is not: an exception must not leave a region of OpenMP, a thread of
// yours, a noexcept function, or a destructor while another is in flight. That costs the worker.
#ifndef EDGEMESH_PLUGIN_HPP
#define EDGEMESH_PLUGIN_HPP

#include "edgemesh/algorithm.hpp"
#include "edgemesh/call.hpp"
#include "edgemesh/dtype.hpp"
#include "edgemesh/errors.hpp"
#include "edgemesh/parameters.hpp"
#include "edgemesh/plugin.hpp"
#include "edgemesh/self_test.hpp"
#include "edgemesh/strided.hpp"
#include "edgemesh/tensor.hpp"

#endif
