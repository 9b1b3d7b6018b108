// The plugin behind fuzz_tensors: touches every element of whatever it is given.
#include <complex>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <edgemesh_plugin.hpp>

namespace {

// Copies x transposed into y.
template <class T> void touch(const edgemesh::View<const T> &x, edgemesh::Call &call) {
    const auto turned = x.strided().transposed();
    const auto y = call.output<T>("y", turned.shape());
    if (y.size() != x.size()) throw std::logic_error("sizes differ");
    turned.copy_to(y.data());
}

void run(edgemesh::Call &call) {
    for (const edgemesh::Tensor &tensor : call.inputs()) {
        const auto *const bytes = static_cast<const unsigned char *>(tensor.data());
        unsigned sum = 0;
        for (std::size_t i = 0; i < tensor.nbytes(); ++i) sum += bytes[i];
        if (sum == 0xFFFFFFFFU) throw std::logic_error("cannot be, but is computed");
    }
    edgemesh::visit<std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t,
                    std::uint16_t, std::uint32_t, std::uint64_t, float, double, std::complex<float>,
                    std::complex<double>, std::byte>(call.input("x"),
                                                     [&](const auto &x) { touch(x, call); });
}

} // namespace

EDGEMESH_PLUGIN("fuzzed", "1",
                edgemesh::Algorithm("cpp.any", "1")
                    .about("takes all")
                    .input(edgemesh::TensorSpec("x").any_rank().allow_empty())
                    .input(edgemesh::TensorSpec("m").any_rank().allow_empty().optional())
                    .run(run),
                edgemesh::Algorithm("cpp.strict", "1")
                    .about("takes few")
                    .input(edgemesh::TensorSpec("x").of<float, double>().shape({-1, 3}))
                    .input(edgemesh::TensorSpec("m").of<std::byte>().shape({-1}).optional())
                    .run(run))
