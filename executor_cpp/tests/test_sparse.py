"""The plugin sparse against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from conftest import Array, compute, random, run
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host


@pytest.fixture(scope="session")
def sparse(load: Any) -> host.Plugin:
    return load("sparse")


def system(matrix: Any, b: Array, index: str = "int32") -> dict[str, Array]:
    csr = scipy.sparse.csr_array(matrix)
    indices, indptr = csr.indices.astype(index), csr.indptr.astype(index)
    return {"data": csr.data, "indices": indices, "indptr": indptr, "b": b}


def some(n: int, density: float = 0.1, seed: int = 0) -> Any:
    """Diagonally dominant, not symmetric."""
    numbers = scipy.sparse.random_array((n, n), density=density, rng=np.random.default_rng(seed))
    return scipy.sparse.csr_array(numbers + scipy.sparse.diags_array(np.full(n, 1.0 + n * density)))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 17, 64, 257])
@pytest.mark.parametrize("columns", [None, 1, 4])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_spsolve(sparse: host.Plugin, n: int, columns: int | None, index: str) -> None:
    a = some(n)
    b = random((n,) if columns is None else (n, columns), "float64")
    y = compute(sparse, "cpp.spsolve", {}, **system(a, b, index))
    assert y.shape == b.shape
    np.testing.assert_allclose(y, np.linalg.solve(a.toarray(), b), rtol=1e-11, atol=1e-12)
    if columns is None:
        expected: Any = scipy.sparse.linalg.spsolve(a, b)
        np.testing.assert_allclose(y, expected, rtol=1e-11, atol=1e-12)


def test_elements_in_no_order_and_twice(sparse: host.Plugin) -> None:
    inputs = {
        "data": np.array([1.0, 3.0, 1.0, 2.0, 2.0]),
        "indices": np.array([1, 0, 0, 1, 1]),
        "indptr": np.array([0, 3, 5]),
        "b": np.array([1.0, 2.0]),
    }
    expected = np.linalg.solve([[4.0, 1.0], [0.0, 4.0]], [1.0, 2.0])
    np.testing.assert_allclose(compute(sparse, "cpp.spsolve", {}, **inputs), expected)


def laplace(side: int) -> Any:
    sparse: Any = scipy.sparse  # its stubs know one diagonal only
    line = sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(side, side))
    one = scipy.sparse.eye_array(side)
    return scipy.sparse.csr_array(scipy.sparse.kron(line, one) + scipy.sparse.kron(one, line))


@pytest.mark.parametrize("side", [1, 2, 7, 30])
def test_cg(sparse: host.Plugin, side: int) -> None:
    a = laplace(side)
    b = random((side * side,), "float64")
    told: list[float] = []
    found, result = run(
        sparse,
        "cpp.cg",
        {"rtol": 1e-12},
        system(a, b),
        progress=lambda fraction, _: told.append(fraction),
    )
    expected, _ = scipy.sparse.linalg.cg(a, b, rtol=1e-12)
    np.testing.assert_allclose(found["y"], expected, rtol=1e-9, atol=1e-10)
    assert result["converged"]
    assert result["residual"] <= 1e-12 * np.linalg.norm(b)
    assert told == sorted(told)
    assert told
    _, result = run(sparse, "cpp.cg", {"rtol": 0, "maxiter": 1}, system(a, b))
    assert result["iterations"] == 1


def test_cg_can_be_left(sparse: host.Plugin) -> None:
    inputs = system(laplace(10), np.ones(100))
    with pytest.raises(host.PluginCancelled):
        run(sparse, "cpp.cg", {}, inputs, cancelled=lambda: True)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 30), density=st.floats(0, 1), seed=st.integers(0, 2**32 - 1))
def test_solving_undoes_the_product(sparse: host.Plugin, n: int, density: float, seed: int) -> None:
    a, x = some(n, density, seed), random((n,), "float64", seed)
    y = compute(sparse, "cpp.spsolve", {}, **system(a, a @ x))
    np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 12), density=st.floats(0, 0.4), seed=st.integers(0, 2**32 - 1))
def test_any_pattern_is_solved_or_singular(
    sparse: host.Plugin, n: int, density: float, seed: int
) -> None:
    a = scipy.sparse.random_array((n, n), density=density, rng=np.random.default_rng(seed))
    csr = scipy.sparse.csr_array(a)
    if csr.nnz == 0:
        return
    b = np.ones(n)
    dense = csr.toarray()
    regular = np.linalg.matrix_rank(dense) == n and np.linalg.cond(dense) < 1e12
    try:
        y = compute(sparse, "cpp.spsolve", {}, **system(csr, b))
    except host.PluginFailure as failure:
        if regular or failure.type != "SingularMatrix":
            raise
    else:
        scale = 1 + float(np.abs(dense).max()) * float(np.abs(y).max())
        np.testing.assert_allclose(dense @ y, b, atol=1e-8 * scale)


GOOD = system(np.array([[4.0, 1.0], [1.0, 3.0]]), np.ones(2))


@pytest.mark.parametrize("algorithm", ["cpp.spsolve", "cpp.cg"])
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"indices": np.array([0, 2, 0, 1])}, "indices"),
        ({"indices": np.array([0, -1, 0, 1])}, "indices"),
        ({"indices": np.array([0, 2**40, 0, 1])}, "indices"),
        ({"indices": np.array([0, 1, 0])}, "indices"),
        ({"indices": np.array([0.0, 1.0, 0.0, 1.0])}, "indices"),
        ({"indptr": np.array([0, 5, 4])}, "indptr"),
        ({"indptr": np.array([0, 3, 2])}, "indptr"),
        ({"indptr": np.array([1, 2, 4])}, "indptr"),
        ({"indptr": np.array([0, 2, 3])}, "indptr"),
        ({"indptr": np.array([0, -1, 4])}, "indptr"),
        ({"indptr": np.array([0, 2**62, 4])}, "indptr"),
        ({"data": np.array([1.0, np.nan, 1.0, 1.0])}, "data"),
        ({"data": np.ones(4, "float32")}, "data"),
        ({"b": np.ones(3)}, "b"),
        ({"b": np.array([np.inf, 1.0])}, "b"),
        ({"b": np.ones((2, 1, 1))}, "b"),
    ],
)
def test_bad_input(
    sparse: host.Plugin, algorithm: str, changed: dict[str, Array], field: str
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(sparse, algorithm, {}, **(GOOD | changed))
    assert list(refused.value.fields) == [f"inputs.{field}"]


@pytest.mark.parametrize(
    ("algorithm", "matrix", "type"),
    [
        ("cpp.spsolve", [[1.0, 2.0], [2.0, 4.0]], "SingularMatrix"),
        ("cpp.spsolve", [[1.0, 0.0], [1.0, 0.0]], "SingularMatrix"),
        ("cpp.cg", [[-1.0, 0.0], [0.0, 1.0]], "NotPositiveDefinite"),
    ],
)
def test_no_answer(sparse: host.Plugin, algorithm: str, matrix: Any, type: str) -> None:
    with pytest.raises(host.PluginFailure) as failed:
        compute(sparse, algorithm, {}, **system(np.array(matrix), np.array([1.0, 0.5])))
    assert failed.value.type == type


@pytest.mark.parametrize("name", ["rtol", "atol", "maxiter"])
def test_bad_bounds(sparse: host.Plugin, name: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(sparse, "cpp.cg", {name: -1}, **GOOD)
    assert list(refused.value.fields) == [f"parameters.{name}"]
