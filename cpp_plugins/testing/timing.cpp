// Work of known cost, for measuring what lies around it.
#include <algorithm>
#include <chrono>
#include <cstdint>

#include <edgemesh_plugin.hpp>

namespace {

// Nothing.
void test_nothing(edgemesh::Call &) {}

// y is a copy of x; the result says how long that took.
void test_copy(edgemesh::Call &call) {
    const auto x = call.input("x").as<double>();
    const auto y = call.output<double>("y", {static_cast<std::int64_t>(x.size())});
    const auto began = std::chrono::steady_clock::now();
    std::copy(x.begin(), x.end(), y.begin());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    call.result({{"seconds", took.count()}});
}

} // namespace

EDGEMESH_PLUGIN("timing", "1.0.0",
                edgemesh::Algorithm("cpp.test_nothing", "1").about("Nothing.").run(test_nothing),
                edgemesh::Algorithm("cpp.test_copy", "1")
                    .about("Copies; the result says how long it took.")
                    .input(edgemesh::TensorSpec("x").of<double>().shape({-1}))
                    .output(edgemesh::TensorSpec("y").of<double>().shape({-1}))
                    .result({{"type", "object"}})
                    .run(test_copy))
