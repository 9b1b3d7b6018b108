// cpp.knn: scipy.spatial.cKDTree(points).query(queries, k, distance_upper_bound).
#include <cmath>
#include <limits>

#include <edgemesh_plugin.hpp>

#include "../parallel/parallel.hpp"
#include "algorithms.hpp"
#include "points.hpp"
#include "tree.hpp"

namespace geometry {
namespace {

using edgemesh::InvalidInput;
using edgemesh::Json;
using edgemesh::TensorSpec;

template <class T> struct Query {
    edgemesh::View<const T> points, queries;
    std::size_t k = 1;
    double bound = 0;
    edgemesh::View<T> distances;
    edgemesh::View<std::int64_t> indices;
};

template <int dimensions, class T> void search(const edgemesh::Call &call, const Query<T> &query) {
    const std::size_t count = query.points.length(0), width = query.points.length(1);
    const Tree<T, dimensions> tree(query.points.data(), count, width);
    call.check_cancelled();
    const T bound = static_cast<T>(query.bound * query.bound);
    parallel::over(call, query.queries.length(0), 64, [&](std::size_t begin, std::size_t end) {
        for (std::size_t i = begin; i < end; ++i) {
            T *const distances = query.distances.data() + i * query.k;
            std::int64_t *const indices = query.indices.data() + i * query.k;
            const std::size_t found =
                tree.search(query.queries.data() + i * width, distances, indices, query.k, bound);
            for (std::size_t j = 0; j < found; ++j) distances[j] = std::sqrt(distances[j]);
            for (std::size_t j = found; j < query.k; ++j) {
                distances[j] = std::numeric_limits<T>::infinity();
                indices[j] = static_cast<std::int64_t>(count);
            }
        }
    });
}

std::int64_t neighbours(const edgemesh::Call &call, std::int64_t queries) {
    const auto k = call.parameters().get<std::int64_t>("k", 1);
    if (k < 1) throw InvalidInput("parameters.k", "must be at least 1");
    constexpr std::int64_t most = std::int64_t{1} << 40;
    const std::int64_t rows = std::max<std::int64_t>(queries, 1);
    const std::uint64_t memory = call.memory_bytes();
    if (k > most / rows || (memory != 0 && static_cast<std::uint64_t>(k * rows) > memory / 16)) {
        throw InvalidInput("parameters.k", "must give distances and indices that fit into the "
                                           "memory, is " +
                                               std::to_string(k));
    }
    return k;
}

void run(edgemesh::Call &call) {
    const edgemesh::Tensor &points = call.input("points"), &queries = call.input("queries");
    if (queries.dtype() != points.dtype()) throw queries.wrong_dtype({points.dtype()});
    if (queries.shape()[1] != points.shape()[1]) {
        throw InvalidInput(queries.field(), "must have as many dimensions as points, " +
                                                std::to_string(points.shape()[1]) + ", has " +
                                                std::to_string(queries.shape()[1]));
    }
    if (points.shape()[0] > std::numeric_limits<std::int32_t>::max() ||
        points.shape()[1] > std::numeric_limits<std::int32_t>::max()) {
        throw InvalidInput(points.field(), "must have lengths below 2^31");
    }
    const std::int64_t rows = queries.shape()[0], k = neighbours(call, rows);
    const double bound = call.parameters().get<double>("distance_upper_bound",
                                                       std::numeric_limits<double>::infinity());
    if (!(bound >= 0))
        throw InvalidInput("parameters.distance_upper_bound", "must not be negative");
    if (call.parameters().get<double>("p", 2) != 2) throw InvalidInput("parameters.p", "must be 2");

    edgemesh::visit<float, double>(points, [&](const auto &view) {
        using T = std::remove_const_t<std::remove_pointer_t<decltype(view.data())>>;
        const Query<T> query{view,
                             queries.as<T>(),
                             static_cast<std::size_t>(k),
                             bound,
                             call.output<T>("distances", {rows, k}),
                             call.output<std::int64_t>("indices", {rows, k})};
        check_finite(points, query.points);
        check_finite(queries, query.queries);
        switch (view.length(1)) { // those that are common are compiled for their width
        case 2: return search<2>(call, query);
        case 3: return search<3>(call, query);
        case 8: return search<8>(call, query);
        default: return search<-1>(call, query);
        }
    });
}

} // namespace

edgemesh::Algorithm knn() {
    return edgemesh::Algorithm("cpp.knn", "1")
        .about("The k nearest points of each query by Euclidean distance, exactly, as "
               "scipy.spatial.cKDTree.query; by nanoflann's k-d tree. Where there are fewer, "
               "the distance is infinite and the index the number of points.")
        .parameter("k", Json{{"type", "integer"},
                             {"minimum", 1},
                             {"default", 1},
                             {"description", "neighbours of each query"}})
        .parameter("distance_upper_bound",
                   Json{{"type", "number"},
                        {"minimum", 0},
                        {"description", "only points nearer than this; any if absent"}})
        .parameter("p", Json{{"enum", {2}}, {"default", 2}, {"description", "which norm"}})
        .input(points_spec("points", "[n, dimensions], finite"))
        .input(points_spec("queries", "[m, dimensions], finite, of the points' type").allow_empty())
        .output(TensorSpec("distances")
                    .of<float, double>()
                    .shape({-1, -1})
                    .about("[m, k], nearest first, of the points' type"))
        .output(TensorSpec("indices").of<std::int64_t>().shape({-1, -1}).about("[m, k]"))
        .run(run);
}

} // namespace geometry
