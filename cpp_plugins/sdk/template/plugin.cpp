// cpp.@NAME@: y = factor * x. Put your algorithm in its place.
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace {

void run(edgemesh::Call &call) {
    const auto factor = call.parameters().get<double>("factor", 2.0);
    if (!std::isfinite(factor)) {
        throw edgemesh::InvalidInput("parameters.factor", "must be finite");
    }
    // x is a view on what the caller sent, y is memory of the mesh, not initialised: no copies.
    edgemesh::visit<float, double>(call.input("x"), [&](const auto &x) {
        using Element = typename std::decay_t<decltype(x)>::Element;
        const auto y = call.output<Element>("y", x.shape());
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (i % 4096 == 0) call.check_cancelled(); // the caller may have gone
            y[i] = static_cast<Element>(factor) * x[i];
        }
    });
}

// Run before the mesh serves the plugin: a small problem with a known answer shows whether what it
// stands on works there.
void self_test(edgemesh::SelfTest &test) {
    test.input("x", std::vector<double>{1, -2}, {2});
    test.run({{"factor", 3}});
    test.expect(test.output<double>("y") == std::vector<double>{3, -6}, "3 * [1, -2] = [3, -6]");
}

} // namespace

// The name of the plugin and its version, then its algorithms, each with a version of its own.
EDGEMESH_PLUGIN("@NAME@", "1.0.0",
                edgemesh::Algorithm("cpp.@NAME@", "1")
                    .about("y = factor * x, element by element.")
                    .parameter("factor", {{"type", "number"}, {"default", 2}})
                    .input(edgemesh::TensorSpec("x").of<float, double>().any_rank().allow_empty())
                    .output(edgemesh::TensorSpec("y").of<float, double>().any_rank().allow_empty())
                    .run(run)
                    .self_test(self_test))
