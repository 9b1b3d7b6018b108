#include "matrix.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace sparse {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Tensor;

std::vector<std::int32_t> read_integers(const Tensor &tensor, std::int64_t least,
                                        std::int64_t greatest) {
    std::vector<std::int32_t> integers;
    edgemesh::visit<std::int32_t, std::int64_t>(tensor, [&](const auto &view) {
        integers.reserve(view.size());
        for (std::size_t i = 0; i < view.size(); ++i) {
            const auto one = static_cast<std::int64_t>(view[i]);
            if (one < least || one > greatest) {
                throw InvalidInput(tensor.field(), "must lie in " + std::to_string(least) + " to " +
                                                       std::to_string(greatest) + ", is " +
                                                       std::to_string(one) + " at " +
                                                       std::to_string(i));
            }
            integers.push_back(static_cast<std::int32_t>(one));
        }
    });
    return integers;
}

void check_finite(const Tensor &tensor, const edgemesh::View<const double> &numbers) {
    for (const double one : numbers) {
        if (!std::isfinite(one)) {
            throw InvalidInput(tensor.field(), "must not contain NaN or infinity");
        }
    }
}

} // namespace

Matrix read_matrix(const edgemesh::Call &call) {
    const Tensor &data = call.input("data"), &indices = call.input("indices"),
                 &indptr = call.input("indptr");
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max() - 1;
    const std::int64_t stored = data.shape()[0], rows = indptr.shape()[0] - 1;
    if (stored > most) throw InvalidInput(data.field(), "must have less than 2^31 - 1 elements");
    if (rows > most) throw InvalidInput(indptr.field(), "must have less than 2^31 elements");
    if (indices.shape()[0] != stored) {
        throw InvalidInput(indices.field(), "must be as long as data, " + std::to_string(stored) +
                                                ", is " + std::to_string(indices.shape()[0]));
    }
    const auto numbers = data.as<double>();
    check_finite(data, numbers);
    const std::vector<std::int32_t> starts = read_integers(indptr, 0, stored);
    for (std::size_t i = 1; i < starts.size(); ++i) {
        if (starts[i] < starts[i - 1]) {
            throw InvalidInput(indptr.field(), "must not fall, does at " + std::to_string(i));
        }
    }
    if (starts.front() != 0 || starts.back() != stored) {
        throw InvalidInput(indptr.field(), "must begin with 0 and end with the length of data, " +
                                               std::to_string(stored));
    }
    const std::vector<std::int32_t> columns = read_integers(indices, 0, rows - 1);

    std::vector<Eigen::Triplet<double, std::int32_t>> elements;
    elements.reserve(numbers.size());
    for (std::size_t row = 0; row + 1 < starts.size(); ++row) {
        const auto end = static_cast<std::size_t>(starts[row + 1]);
        for (auto i = static_cast<std::size_t>(starts[row]); i < end; ++i) {
            elements.emplace_back(static_cast<std::int32_t>(row), columns[i], numbers[i]);
        }
    }
    Matrix matrix(rows, rows);
    matrix.setFromTriplets(elements.begin(), elements.end());
    return matrix;
}

Eigen::MatrixXd read_right_side(const edgemesh::Call &call, Eigen::Index n) {
    const Tensor &b = call.input("b");
    if (b.rank() != 1 && b.rank() != 2) {
        throw InvalidInput(b.field(), "must have one or two dimensions");
    }
    if (b.shape()[0] != n) {
        throw InvalidInput(b.field(), "first dimension must be " + std::to_string(n) +
                                          ", as the matrix', is " + std::to_string(b.shape()[0]));
    }
    const auto numbers = b.as<double>();
    check_finite(b, numbers);
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Rows>(numbers.data(), n, b.rank() == 1 ? 1 : b.shape()[1]);
}

void write_solution(edgemesh::Call &call, const Eigen::MatrixXd &x) {
    const auto y = call.output<double>("y", call.input("b").shape());
    using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<Rows>(y.data(), x.rows(), x.cols()) = x;
}

edgemesh::Algorithm with_system(edgemesh::Algorithm algorithm) {
    return std::move(algorithm)
        .input(edgemesh::TensorSpec("data").of<double>().shape({-1}).about(
            "[stored]: the matrix' elements, row after row, finite"))
        .input(edgemesh::TensorSpec("indices").of<std::int32_t, std::int64_t>().shape({-1}).about(
            "[stored]: their columns"))
        .input(edgemesh::TensorSpec("indptr").of<std::int32_t, std::int64_t>().shape({-1}).about(
            "[n + 1]: where each row begins, and the last one ends"))
        .input(edgemesh::TensorSpec("b").of<double>().any_rank().about("[n], or [n, k], finite"))
        .output(edgemesh::TensorSpec("y").of<double>().any_rank().about("x, in the shape of b"));
}

} // namespace sparse
