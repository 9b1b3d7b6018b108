"""The geometry plugin against SciPy and NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import Array, Tensor, allocate, compute, outputs, random
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import spatial

import edgemesh_cpp_host as host

DTYPES = ("float32", "float64")
REAL = tuple(f"{kind}int{bits}" for kind in ("", "u") for bits in (8, 16, 32, 64)) + DTYPES


@pytest.fixture(scope="module")
def geometry(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("geometry")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 8, 17])
@pytest.mark.parametrize("count", [1, 2, 3, 16, 17, 509, 2048])
def test_knn(geometry: host.Plugin, count: int, dimensions: int, dtype: str) -> None:
    points, queries = random((count, dimensions), dtype), random((65, dimensions), dtype, 1)
    tree: Any = spatial.KDTree(points)
    for k, bound in ((1, None), (5, None), (20, 0.9)):
        parameters = {"k": k} if bound is None else {"k": k, "distance_upper_bound": bound}
        got = outputs(geometry, "cpp.knn", parameters, points=points, queries=queries)
        distances, indices = tree.query(
            queries, [*range(1, k + 1)], distance_upper_bound=bound or np.inf
        )
        assert got["distances"].dtype == points.dtype
        tolerance = 8 * float(np.finfo(dtype).eps)
        np.testing.assert_allclose(got["distances"], distances, rtol=tolerance)
        np.testing.assert_array_equal(got["indices"], indices)


def test_knn_of_points_that_repeat(geometry: host.Plugin) -> None:
    points = np.repeat(random((3, 2), "float64"), 1000, axis=0)
    got = outputs(geometry, "cpp.knn", {"k": 1500}, points=points, queries=points[:1])
    distances, _ = spatial.KDTree(points).query(points[:1], 1500)
    np.testing.assert_allclose(got["distances"], distances, rtol=1e-15)
    assert len(np.unique(got["indices"])) == 1500


@pytest.mark.parametrize("dimensions", [1, 8, 32])
def test_knn_of_points_that_no_box_halves(geometry: host.Plugin, dimensions: int) -> None:
    # Each half of a box takes one point off: a tree of boxes would be as deep as there are points.
    count = 2000 * dimensions
    points = np.zeros((count, dimensions))
    order = np.arange(count)
    points[order, order % dimensions] = np.exp2(1000 - order // dimensions % 2000)
    queries = np.abs(random((5, dimensions), "float64"))
    got = outputs(geometry, "cpp.knn", {"k": 3}, points=points, queries=queries)
    with np.errstate(over="ignore"):
        distances = np.sqrt(((points - queries[:, None]) ** 2).sum(-1))
    np.testing.assert_allclose(got["distances"], np.sort(distances)[:, :3], rtol=1e-12)


def test_knn_of_no_queries(geometry: host.Plugin) -> None:
    got = outputs(geometry, "cpp.knn", {"k": 3}, points=np.ones((4, 2)), queries=np.ones((0, 2)))
    assert got["distances"].shape == got["indices"].shape == (0, 3)


def test_threads_give_the_same(geometry: host.Plugin) -> None:
    x = Tensor(random((1000, 4), "float64"))
    runs = [
        geometry.run("cpp.knn", '{"k": 4}', {"points": x, "queries": x}, allocate, threads=threads)
        for threads in (1, 2, 7)
    ]
    for name in ("distances", "indices"):
        assert len({bytes(run.outputs[name].data) for run in runs}) == 1


def as_sets(simplices: Array) -> set[tuple[int, ...]]:
    return {tuple(sorted(simplex)) for simplex in simplices.tolist()}


def check_neighbours(simplices: Array, neighbours: Array) -> None:
    """The neighbour opposite a corner has all the other corners."""
    assert simplices.shape == neighbours.shape
    for simplex, around in zip(simplices.tolist(), neighbours.tolist(), strict=True):
        for corner, other in zip(simplex, around, strict=True):
            if other >= 0:
                assert set(simplex) - {corner} <= set(simplices[other].tolist())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("count", "dimensions"),
    [(3, 2), (4, 2), (100, 2), (2000, 2), (4, 3), (7, 3), (500, 3), (60, 4), (40, 5), (12, 7)],
)
def test_convex_hull(geometry: host.Plugin, count: int, dimensions: int, dtype: str) -> None:
    points = random((count, dimensions), dtype)
    got = outputs(geometry, "cpp.convex_hull", {}, points=points)
    expected = spatial.ConvexHull(points)
    assert as_sets(got["simplices"]) == as_sets(expected.simplices)
    assert (got["neighbors"] >= 0).all()
    check_neighbours(got["simplices"], got["neighbors"])
    if dimensions == 2:  # a ring, counterclockwise, from any of its points
        start = int(np.flatnonzero(expected.vertices == got["vertices"][0])[0])
        np.testing.assert_array_equal(got["vertices"], np.roll(expected.vertices, -start))
    else:
        np.testing.assert_array_equal(got["vertices"], expected.vertices)
    run = geometry.run("cpp.convex_hull", "{}", {"points": Tensor(points)}, allocate)
    assert run.result is not None
    size = json.loads(run.result)
    np.testing.assert_allclose(size["area"], expected.area, rtol=1e-12)
    np.testing.assert_allclose(size["volume"], expected.volume, rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("count", "dimensions"),
    [(3, 2), (4, 2), (100, 2), (2000, 2), (4, 3), (7, 3), (500, 3), (60, 4), (30, 5)],
)
def test_delaunay(geometry: host.Plugin, count: int, dimensions: int, dtype: str) -> None:
    points = random((count, dimensions), dtype)
    got = outputs(geometry, "cpp.delaunay", {}, points=points)
    expected = spatial.Delaunay(points)
    assert as_sets(got["simplices"]) == as_sets(expected.simplices)
    assert (got["neighbors"] < 0).sum() == (expected.neighbors < 0).sum()
    check_neighbours(got["simplices"], got["neighbors"])
    if dimensions == 2:  # all counterclockwise
        a, b, c = (points[got["simplices"][:, i]] for i in range(3))
        turns = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
        assert (turns > 0).all()


def test_delaunay_of_a_grid(geometry: host.Plugin) -> None:
    # Every square's corners lie on one circle: any diagonal is right, but the area is one.
    points = np.stack(np.meshgrid(np.arange(9.0), np.arange(7.0)), -1).reshape(-1, 2)
    simplices = outputs(geometry, "cpp.delaunay", {}, points=points)["simplices"]
    assert simplices.shape == (2 * 8 * 6, 3)


@pytest.mark.parametrize("algorithm", ["cpp.convex_hull", "cpp.delaunay"])
@pytest.mark.parametrize(
    "points",
    [np.ones((2, 2)), np.ones((5, 1)), np.ones((20, 13)), np.full((5, 2), np.nan), np.ones((0, 2))],
)
def test_points_that_are_refused(geometry: host.Plugin, points: Array, algorithm: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(geometry, algorithm, {}, points=points)
    assert list(refused.value.fields) == ["inputs.points"]


@pytest.mark.parametrize("algorithm", ["cpp.convex_hull", "cpp.delaunay"])
def test_points_on_a_line(geometry: host.Plugin, algorithm: str) -> None:
    line = np.linspace(0, 1, 20)
    for _ in range(3):  # the process lives on
        with pytest.raises(host.PluginFailure, match="FlatPoints") as failed:
            outputs(geometry, algorithm, {}, points=np.stack([line, 2 * line], -1))
        assert failed.value.type == "FlatPoints"
    assert len(outputs(geometry, algorithm, {}, points=random((9, 2), "float64"))["simplices"])


def numbers(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Random numbers over the type's range, some of them equal; NaN and infinities among floats."""
    generator = np.random.default_rng(seed)
    if dtype.startswith("float"):
        x = generator.standard_normal(shape).round(1)
        odd = generator.random(shape)
        return np.where(odd < 0.1, np.nan, np.where(odd > 0.95, -np.inf, x)).astype(dtype)
    info = np.iinfo(dtype)
    x = generator.integers(info.min, info.max, shape, dtype, endpoint=True)
    return np.where(generator.random(shape) < 0.3, x, generator.integers(0, 9, shape, dtype))


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((0,), -1),
        ((1,), 0),
        ((2,), -1),
        ((3,), -1),
        ((4099,), 0),
        ((5, 7), 0),
        ((5, 7), 1),
        ((5, 7), None),
        ((40, 33, 17), 1),
        ((3, 0, 2), 0),
        ((3, 0, 2), 1),
        ((), None),
    ],
)
def test_sort(geometry: host.Plugin, shape: tuple[int, ...], axis: int | None, dtype: str) -> None:
    x = numbers(shape, dtype)
    for kind in ("quicksort", "stable"):
        y = compute(geometry, "cpp.sort", {"axis": axis, "kind": kind}, x=x)
        assert y.dtype == x.dtype
        np.testing.assert_array_equal(y, np.sort(x, axis))
        places = compute(geometry, "cpp.argsort", {"axis": axis, "kind": kind}, x=x)
        np.testing.assert_array_equal(places, np.argsort(x, axis, "stable"))


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("shape", [(0,), (1,), (3, 5), (20000,), ()])
def test_searchsorted(geometry: host.Plugin, shape: tuple[int, ...], dtype: str, side: Any) -> None:
    for length in (0, 1, 2, 1000):
        a, v = np.sort(numbers((length,), dtype)), numbers(shape, dtype, 1)
        y = compute(geometry, "cpp.searchsorted", {"side": side}, a=a, v=v)
        np.testing.assert_array_equal(y, np.searchsorted(a, v, side))


@settings(deadline=None)
@given(x=arrays.arrays("float64", arrays.array_shapes(max_dims=3), elements=st.floats()))
def test_sorting_is_taking_in_order(geometry: host.Plugin, x: Array) -> None:
    places = compute(geometry, "cpp.argsort", {}, x=x)
    y = compute(geometry, "cpp.sort", {}, x=x)
    np.testing.assert_array_equal(np.take_along_axis(x, places, -1), y)


@pytest.mark.parametrize(
    ("algorithm", "parameters", "inputs", "field"),
    [
        ("cpp.knn", {"k": 0}, {}, "parameters.k"),
        ("cpp.knn", {"k": 1 << 50}, {}, "parameters.k"),
        ("cpp.knn", {"k": 1.5}, {}, "parameters.k"),
        ("cpp.knn", {"p": 1}, {}, "parameters.p"),
        ("cpp.knn", {"distance_upper_bound": -1}, {}, "parameters.distance_upper_bound"),
        ("cpp.knn", {}, {"queries": np.ones((3, 4))}, "inputs.queries"),
        ("cpp.knn", {}, {"queries": np.ones((3, 2), "float32")}, "inputs.queries"),
        ("cpp.knn", {}, {"queries": np.full((3, 2), np.inf)}, "inputs.queries"),
        ("cpp.knn", {}, {"points": np.full((3, 2), np.nan)}, "inputs.points"),
        ("cpp.knn", {}, {"points": np.ones((0, 2))}, "inputs.points"),
    ],
)
def test_what_is_refused(
    geometry: host.Plugin,
    algorithm: str,
    parameters: dict[str, Any],
    inputs: dict[str, Array],
    field: str,
) -> None:
    given_inputs = {"points": np.ones((3, 2)), "queries": np.ones((3, 2))} | inputs
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(geometry, algorithm, parameters, **given_inputs)
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize("axis", [2, -3, 1.5, "x"])
def test_axes_that_are_refused(geometry: host.Plugin, axis: Any) -> None:
    for algorithm in ("cpp.sort", "cpp.argsort"):
        with pytest.raises(host.PluginInvalidInput) as refused:
            compute(geometry, algorithm, {"axis": axis}, x=np.ones((2, 3)))
        assert list(refused.value.fields) == ["parameters.axis"]
