"""The plugin stats against NumPy, SciPy and scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats
from conftest import Array, compute, outputs, random, run
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

import edgemesh_cpp_host as host

DTYPES = ("float32", "float64")
WITHIN = {"float32": 2e-5, "float64": 1e-11}
SHAPES = [(1,), (2,), (3,), (4,), (17,), (64,), (65, 3), (3, 65), (5, 7, 11), (40, 9, 2)]


# Their stubs know fewer types than they take.
describe: Any = scipy.stats.describe
cov: Any = np.cov
kmeans: Any = KMeans
pca: Any = PCA


@pytest.fixture(scope="session")
def stats(load: Any) -> host.Plugin:
    return load("stats")


def close(found: Array, expected: Any, within: float) -> None:
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=within, atol=within)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bias", [False, True])
def test_describe(stats: host.Plugin, shape: tuple[int, ...], bias: bool, dtype: str) -> None:
    a = random(shape, dtype) + np.asarray(3, dtype)
    for axis in (*range(-1, len(shape)), None):
        for ddof in (0, 1):
            asked = {"axis": axis, "ddof": ddof, "bias": bias}
            found, result = run(stats, "cpp.describe", asked, {"a": a})
            with np.errstate(all="ignore"):
                expected = describe(a.astype(float), axis, ddof, bias)
            assert result == {"nobs": expected.nobs}
            assert all(array.dtype == dtype for array in found.values())
            close(found["min"], expected.minmax[0], 0)
            close(found["max"], expected.minmax[1], 0)
            for name in ("mean", "variance", "skewness", "kurtosis"):
                close(found[name], getattr(expected, name), WITHIN[dtype])


@pytest.mark.filterwarnings("ignore")
def test_describe_what_is_constant_or_nan(stats: host.Plugin) -> None:
    for a in (np.full(10, 0.1), np.array([1.0, np.nan, 2.0]), np.array([1.0, np.inf])):
        found = outputs(stats, "cpp.describe", {}, a=a)
        expected = describe(a)
        for name in ("mean", "variance", "skewness", "kurtosis"):
            close(found[name], getattr(expected, name), 1e-12)
        close(found["min"], expected.minmax[0], 0)


METHODS = (
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_quantile(stats: host.Plugin, shape: tuple[int, ...], method: Any) -> None:
    a = random(shape, "float64")
    for q in (0.5, 0, 1, [0.25], [0.1, 0.9, 0.5, 0.0, 1.0], list(np.linspace(0, 1, 21))):
        for axis in (None, 0, -1):
            found = compute(stats, "cpp.quantile", {"q": q, "axis": axis, "method": method}, a=a)
            close(found, np.quantile(a, q, axis, method=method), 1e-14)


def test_quantile_of_single_precision_and_nan(stats: host.Plugin) -> None:
    a = random((50, 3), "float32")
    found = compute(stats, "cpp.quantile", {"q": 0.3, "axis": 0}, a=a)
    assert found.dtype == np.float32
    close(found, np.quantile(a, 0.3, 0), 1e-6)
    a[7, 1] = np.nan
    found = compute(stats, "cpp.quantile", {"q": [0.3, 1], "axis": 0}, a=a)
    np.testing.assert_array_equal(np.isnan(found), [[False, True, False]] * 2)


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    q=st.floats(0, 1),
    method=st.sampled_from(METHODS),
)
def test_any_quantile(stats: host.Plugin, numbers: list[float], q: float, method: Any) -> None:
    found = compute(stats, "cpp.quantile", {"q": q, "method": method}, a=np.array(numbers))
    close(found, np.quantile(numbers, q, method=method), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(0,), (1,), (3,), (1000,), (30, 40), (100_003,)])
@pytest.mark.parametrize("bins", [1, 2, 10, 97])
def test_histogram(stats: host.Plugin, shape: tuple[int, ...], bins: int, dtype: str) -> None:
    a = random(shape, dtype)
    weights = random(shape, "float64", 1)
    for range_ in (None, (-1.0, 1.5), (0.0, 0.0)):
        asked: dict[str, Any] = {"bins": bins} | ({} if range_ is None else {"range": range_})
        expected, edges = np.histogram(a, bins, range_)
        found = outputs(stats, "cpp.histogram", asked, a=a)
        np.testing.assert_array_equal(found["hist"], expected)
        assert found["hist"].dtype == np.int64
        close(found["bin_edges"], edges, float(np.finfo(dtype).eps))
        found = outputs(stats, "cpp.histogram", asked, a=a, weights=weights)
        close(found["hist"], np.histogram(a, bins, range_, weights=weights)[0], 1e-10)
        if expected.sum():
            found = outputs(stats, "cpp.histogram", asked | {"density": True}, a=a)
            close(
                found["hist"],
                np.histogram(a, bins, range_, density=True)[0],
                1e-10 if dtype == "float64" else 1e-4,
            )


@settings(max_examples=60, deadline=None)
@given(
    numbers=st.lists(st.integers(-20, 20), min_size=1, max_size=60),
    scale=st.sampled_from([0.1, 1.0, 1 / 3]),
    bins=st.integers(1, 60),
)
def test_numbers_on_the_edges(
    stats: host.Plugin, numbers: list[int], scale: float, bins: int
) -> None:
    a = np.array(numbers) * scale
    found = outputs(stats, "cpp.histogram", {"bins": bins}, a=a)
    np.testing.assert_array_equal(found["hist"], np.histogram(a, bins)[0])


def test_histogram_of_given_bins(stats: host.Plugin) -> None:
    a = np.append(random((1000,), "float64"), [np.nan, -1.0, 0.0, 0.5, 3.0])
    edges = np.array([-1.0, 0.0, 0.0, 0.5, 3.0])
    weights = random(a.shape, "float64", 2)
    found = outputs(stats, "cpp.histogram", {}, a=a, bin_edges=edges)
    np.testing.assert_array_equal(found["hist"], np.histogram(a, edges)[0])
    found = outputs(stats, "cpp.histogram", {}, a=a, bin_edges=edges, weights=weights)
    close(found["hist"], np.histogram(a, edges, weights=weights)[0], 1e-10)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(5,), (1, 5), (5, 1), (2, 3), (7, 100), (100, 7), (33, 65)])
def test_cov(stats: host.Plugin, shape: tuple[int, ...], dtype: str) -> None:
    m = random(shape, dtype)
    for asked in ({}, {"rowvar": False}, {"bias": True}, {"ddof": 0}, {"ddof": 2, "bias": True}):
        if len(shape) == 1 and "rowvar" in asked:
            continue
        found = compute(stats, "cpp.cov", asked, m=m)
        assert found.dtype == np.float64
        close(found, cov(m.astype(float), **asked), 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "k"), [(3, 1), (5, 2), (50, 1), (100, 7), (257, 33)])
@pytest.mark.parametrize("intercept", [False, True])
def test_linear_regression(stats: host.Plugin, n: int, k: int, intercept: bool, dtype: str) -> None:
    x = random((n, k), dtype) + np.asarray(10, dtype)
    y = (x @ np.arange(1.0, k + 1) + 4 + random((n,), "float64", 1)).astype(dtype)
    found, result = run(
        stats, "cpp.linear_regression", {"fit_intercept": intercept}, {"x": x, "y": y}
    )
    # The textbook's formulas.
    design = x.astype(float)
    if intercept:
        design = np.column_stack([design, np.ones(n)])
    target = y.astype(float)
    beta = np.linalg.lstsq(design, target)[0]
    degrees = n - design.shape[1]
    residual = target - design @ beta
    variance = residual @ residual / degrees
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    p = 2 * scipy.stats.t.sf(np.abs(beta / errors), degrees)
    around = target - target.mean() if intercept else target
    within = 1e-7
    close(found["coefficients"], beta[:k], within)
    close(found["standard_errors"], errors[:k], within)
    np.testing.assert_allclose(found["t_values"], (beta / errors)[:k], rtol=within)
    close(found["p_values"], p[:k], within)
    assert result["degrees_of_freedom"] == degrees
    assert result["residual_variance"] == pytest.approx(variance, rel=within)
    assert result["r_squared"] == pytest.approx(1 - residual @ residual / (around @ around))
    if intercept:
        assert result["intercept"] == pytest.approx(beta[k], rel=1e-6)
        assert result["intercept_standard_error"] == pytest.approx(errors[k], rel=1e-6)
        assert result["intercept_p_value"] == pytest.approx(p[k], rel=1e-5)


def test_linear_regression_of_one_variable_is_linregress(stats: host.Plugin) -> None:
    x, y = random((30,), "float64"), random((30,), "float64", 1)
    found, result = run(stats, "cpp.linear_regression", {}, {"x": x, "y": y})
    expected: Any = scipy.stats.linregress(x, y)
    close(found["coefficients"], [expected.slope], 1e-12)
    close(found["standard_errors"], [expected.stderr], 1e-12)
    close(found["p_values"], [expected.pvalue], 1e-12)
    assert result["intercept"] == pytest.approx(expected.intercept)
    assert result["intercept_standard_error"] == pytest.approx(expected.intercept_stderr)
    assert result["r_squared"] == pytest.approx(expected.rvalue**2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("n", "d", "k"), [(1, 1, 1), (3, 2, 3), (10, 1, 2), (300, 2, 5), (1000, 17, 8), (513, 33, 40)]
)
def test_kmeans_from_given_centres(stats: host.Plugin, n: int, d: int, k: int, dtype: str) -> None:
    x = random((n, d), dtype) + 3 * random((k, d), dtype, 1)[np.arange(n) % k]
    start = x[:k] + np.asarray(0.01, dtype)
    found, result = run(stats, "cpp.kmeans", {"n_clusters": k}, {"x": x, "init": start})
    expected = kmeans(k, init=start, n_init=1).fit(x)
    np.testing.assert_array_equal(found["labels"], expected.labels_)
    assert found["centers"].dtype == dtype
    close(found["centers"], expected.cluster_centers_, 1e-4 if dtype == "float32" else 1e-10)
    assert result["n_iter"] == expected.n_iter_
    assert result["inertia"] == pytest.approx(expected.inertia_, rel=1e-4, abs=1e-8)


def test_kmeans_fills_empty_clusters(stats: host.Plugin) -> None:
    x = random((60, 2), "float64")
    start = np.array([[0.0, 0.0], [100.0, 100.0], [-200.0, 50.0], [300.0, 0.0]])
    found, result = run(stats, "cpp.kmeans", {"n_clusters": 4}, {"x": x, "init": start})
    expected = kmeans(4, init=start, n_init=1).fit(x)
    np.testing.assert_array_equal(found["labels"], expected.labels_)
    close(found["centers"], expected.cluster_centers_, 1e-10)
    assert result["n_iter"] == expected.n_iter_


@pytest.mark.parametrize("init", ["k-means++", "random"])
def test_kmeans_from_drawn_centres(stats: host.Plugin, init: str) -> None:
    centers = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    x = np.repeat(centers, 50, axis=0) + 0.1 * random((200, 2), "float64")
    asked = {"n_clusters": 4, "init": init, "n_init": 10, "random_state": 3}
    found, result = run(stats, "cpp.kmeans", asked, {"x": x})
    again, _ = run(stats, "cpp.kmeans", asked, {"x": x})
    np.testing.assert_array_equal(found["centers"], again["centers"])
    close(found["centers"][np.lexsort(np.round(found["centers"]).T)], centers, 0.1)
    assert result["inertia"] < 200 * 2 * 0.02


def test_kmeans_reports_and_can_be_left(stats: host.Plugin) -> None:
    x = random((500, 3), "float64")
    told: list[float] = []
    run(stats, "cpp.kmeans", {}, {"x": x}, progress=lambda fraction, _: told.append(fraction))
    assert told == sorted(told)
    assert told
    with pytest.raises(host.PluginCancelled):
        run(stats, "cpp.kmeans", {}, {"x": x}, cancelled=lambda: True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 1), (2, 5), (5, 2), (40, 40), (300, 17), (17, 300)])
@pytest.mark.parametrize("whiten", [False, True])
def test_pca(stats: host.Plugin, shape: tuple[int, int], whiten: bool, dtype: str) -> None:
    x = random(shape, dtype) * np.linspace(1, 4, shape[1]).astype(dtype)
    smaller = min(shape)
    within = 1e-3 if dtype == "float32" else 1e-9
    # Of as many points as components, the last one is rounding: it is not compared.
    kept = max(smaller - 1, 1)
    for asked in ({"n_components": kept}, {"n_components": 1}, {"n_components": 0.7}):
        found, result = run(stats, "cpp.pca", {"whiten": whiten, **asked}, {"x": x})
        reference = pca(whiten=whiten, svd_solver="full", **asked)
        transformed = reference.fit_transform(x)
        assert result["n_components"] == reference.n_components_
        close(found["transformed"], transformed, 10 * within)
        close(found["components"], reference.components_, within)
        close(found["explained_variance"], reference.explained_variance_, within)
        close(found["explained_variance_ratio"], reference.explained_variance_ratio_, within)
        close(found["singular_values"], reference.singular_values_, within)
        close(found["mean"], reference.mean_, within)
        assert result["noise_variance"] == pytest.approx(reference.noise_variance_, abs=within)
    everything = outputs(stats, "cpp.pca", {}, x=x)
    assert everything["components"].shape == (smaller, shape[1])


LINE, TABLE = np.arange(5.0), np.arange(12.0).reshape(4, 3) ** 2
NAN = np.array([[1.0, np.nan], [2.0, 3.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("algorithm", "parameters", "inputs", "field"),
    [
        ("describe", {}, {"a": np.empty(0)}, "inputs.a"),
        ("describe", {}, {"a": LINE.astype("int64")}, "inputs.a"),
        ("describe", {"axis": 1}, {"a": LINE}, "parameters.axis"),
        ("describe", {"axis": 0}, {"a": np.array(1.0)}, "parameters.axis"),
        ("quantile", {}, {"a": LINE}, "parameters.q"),
        ("quantile", {"q": 1.5}, {"a": LINE}, "parameters.q"),
        ("quantile", {"q": [0.5, -0.1]}, {"a": LINE}, "parameters.q[1]"),
        ("quantile", {"q": 0.5, "method": "best"}, {"a": LINE}, "parameters.method"),
        ("histogram", {"bins": 0}, {"a": LINE}, "parameters.bins"),
        ("histogram", {"bins": 2**62}, {"a": LINE}, "parameters.bins"),
        ("histogram", {"range": [1, 0]}, {"a": LINE}, "parameters.range"),
        ("histogram", {"range": [1]}, {"a": LINE}, "parameters.range"),
        ("histogram", {"range": [-1.7e308, 1.7e308]}, {"a": LINE}, "parameters.range"),
        ("histogram", {}, {"a": NAN}, "inputs.a"),
        ("histogram", {}, {"a": LINE, "weights": LINE[:3]}, "inputs.weights"),
        ("histogram", {}, {"a": LINE, "bin_edges": np.array([2.0, 1.0])}, "inputs.bin_edges"),
        ("histogram", {}, {"a": LINE, "bin_edges": np.array([1.0])}, "inputs.bin_edges"),
        ("histogram", {"bins": 3}, {"a": LINE, "bin_edges": LINE}, "parameters.bins"),
        ("cov", {}, {"m": np.ones((2, 2, 2))}, "inputs.m"),
        ("linear_regression", {}, {"x": TABLE, "y": LINE}, "inputs.y"),
        ("linear_regression", {}, {"x": TABLE, "y": np.ones(4)}, "inputs.x"),  # too few rows
        ("linear_regression", {}, {"x": NAN, "y": np.ones(3)}, "inputs.x"),
        ("linear_regression", {}, {"x": LINE, "y": LINE * np.inf}, "inputs.y"),
        ("linear_regression", {}, {"x": LINE, "y": LINE.astype("float32")}, "inputs.y"),
        ("kmeans", {}, {"x": TABLE}, "parameters.n_clusters"),
        ("kmeans", {"n_clusters": 0}, {"x": TABLE}, "parameters.n_clusters"),
        ("kmeans", {"n_clusters": 2, "n_init": 0}, {"x": TABLE}, "parameters.n_init"),
        ("kmeans", {"n_clusters": 2, "max_iter": -1}, {"x": TABLE}, "parameters.max_iter"),
        ("kmeans", {"n_clusters": 2, "tol": -1}, {"x": TABLE}, "parameters.tol"),
        ("kmeans", {"n_clusters": 2, "init": "best"}, {"x": TABLE}, "parameters.init"),
        ("kmeans", {"n_clusters": 2}, {"x": TABLE, "init": TABLE}, "inputs.init"),
        ("kmeans", {"n_clusters": 2}, {"x": NAN}, "inputs.x"),
        ("kmeans", {"n_clusters": 2}, {"x": LINE}, "inputs.x"),
        ("pca", {"n_components": 4}, {"x": TABLE}, "parameters.n_components"),
        ("pca", {"n_components": 1.5}, {"x": TABLE}, "parameters.n_components"),
        ("pca", {"n_components": 0}, {"x": TABLE}, "parameters.n_components"),
        ("pca", {}, {"x": TABLE[:1]}, "inputs.x"),
        ("pca", {}, {"x": NAN}, "inputs.x"),
    ],
)
def test_bad_input(
    stats: host.Plugin,
    algorithm: str,
    parameters: dict[str, Any],
    inputs: dict[str, Array],
    field: str,
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(stats, f"cpp.{algorithm}", parameters, **inputs)
    assert list(refused.value.fields) == [field]


def test_columns_that_depend_on_each_other(stats: host.Plugin) -> None:
    x = np.column_stack([LINE, 2 * LINE])
    with pytest.raises(host.PluginFailure) as failed:
        outputs(stats, "cpp.linear_regression", {}, x=x, y=LINE**2)
    assert failed.value.type == "SingularMatrix"
