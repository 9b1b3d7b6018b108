// The example of edgemesh_plugin.hpp, and a plugin that touches every part of a call.
#include <edgemesh_plugin.hpp>

namespace {

void scale(edgemesh::Call &call) {
    const auto x = call.input("x").as<double>();
    const auto factor = call.parameters().get<double>("factor", 2.0);
    auto y = call.output<double>("y", x.shape());
    for (std::size_t i = 0; i < x.size(); ++i) y[i] = factor * x[i];
}

void everything(edgemesh::Call &call) {
    const edgemesh::Tensor &matrix = call.input("matrix");
    auto transposed = call.output<float>("transposed", {matrix.shape()[1], matrix.shape()[0]});
    const auto elements = matrix.as<float>();
    for (std::size_t i = 0; i < elements.length(0); ++i) {
        for (std::size_t k = 0; k < elements.length(1); ++k) transposed(k, i) = elements(i, k);
    }
    call.print("out");
    call.print_error("err");
    call.progress(0.5, "half");
    call.check_cancelled();
    call.result({{"algorithm", call.algorithm()},
                 {"threads", call.threads()},
                 {"memory_bytes", call.memory_bytes()},
                 {"run_time_ns", call.run_time().count()},
                 {"label", call.find_input("label") == nullptr
                               ? ""
                               : std::string(call.find_input("label")->media_type())}});
}

} // namespace

EDGEMESH_PLUGIN("scale", "1.0.0",
                edgemesh::Algorithm("cpp.scale", "1")
                    .about("y = factor * x")
                    .parameter("factor", {{"type", "number"}})
                    .input(edgemesh::TensorSpec("x").of<double>().any_rank())
                    .output(edgemesh::TensorSpec("y").of<double>().any_rank())
                    .run(scale),
                edgemesh::Algorithm("cpp.everything", "1")
                    .about("gives back all that a call carries")
                    .input(edgemesh::TensorSpec("matrix").of<float>().shape({-1, 3}))
                    .input(edgemesh::TensorSpec("label").of<std::byte>().shape({-1}).optional())
                    .output(edgemesh::TensorSpec("transposed").of<float>().shape({3, -1}))
                    .result({{"type", "object"}})
                    .streams()
                    .run(everything))
