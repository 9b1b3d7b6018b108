"""The plugin linalg against NumPy and SciPy. cpp.matmul has a file of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
from conftest import Array, compute, outputs, random, run
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host

DTYPES = ("float32", "float64", "complex64", "complex128")
SIDES = (0, 1, 2, 3, 5, 8, 9, 17, 33, 64, 67)
STACKS = [(), (3,), (2, 1, 2), (0,)]
RECTANGLES = [(1, 1), (2, 3), (3, 2), (7, 7), (17, 9), (9, 17), (65, 33), (33, 128), (200, 3)]


def tolerance(dtype: str, side: int, factor: float = 50.0) -> float:
    return factor * max(side, 1) * float(np.finfo(dtype).eps)


def square(side: int, dtype: str, stack: tuple[int, ...] = (), seed: int = 0) -> Array:
    """Well conditioned."""
    return random((*stack, side, side), dtype, seed) + np.asarray(2 * side * np.eye(side), dtype)


def hermitian(a: Array) -> Array:
    return a + a.conj().swapaxes(-1, -2)


def close(found: Array, expected: Array, rtol: float) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    scale = float(np.abs(expected).max()) if expected.size else 0.0
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("stack", STACKS)
def test_square(linalg: host.Plugin, side: int, stack: tuple[int, ...], dtype: str) -> None:
    a = square(side, dtype, stack)
    within = tolerance(dtype, side)
    close(compute(linalg, "cpp.inv", {}, a=a), np.linalg.inv(a), within)
    close(compute(linalg, "cpp.det", {}, a=a), np.asarray(np.linalg.det(a)), within)
    sign, logarithm = np.linalg.slogdet(a)
    found = outputs(linalg, "cpp.slogdet", {}, a=a)
    close(found["sign"], np.asarray(sign), within)
    close(found["logabsdet"], np.asarray(logarithm), within)
    for columns in (0, 1, 4):
        b = random((*stack, side, columns), dtype, 5)
        close(compute(linalg, "cpp.solve", {}, a=a, b=b), np.linalg.solve(a, b), within)
    vector = random((side,), dtype, 6)
    close(compute(linalg, "cpp.solve", {}, a=a, b=vector), np.linalg.solve(a, vector), within)


@pytest.mark.parametrize(
    ("left", "right"),
    [((4, 3, 3), (3, 2)), ((3, 3), (4, 3, 2)), ((2, 1, 3, 3), (5, 3, 1)), ((4, 3, 3), (3,))],
)
def test_solve_broadcasts(
    linalg: host.Plugin, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    a, b = square(3, "float64", left[:-2]), random(right, "float64", 1)
    close(compute(linalg, "cpp.solve", {}, a=a, b=b), np.linalg.solve(a, b), 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(linalg: host.Plugin, side: int, upper: bool, dtype: str) -> None:
    factor = random((2, side, side), dtype)
    a = factor @ factor.conj().swapaxes(-1, -2) + np.asarray(side * np.eye(side), dtype)
    expected = np.linalg.cholesky(a, upper=upper)
    read = np.triu(a) if upper else np.tril(a)  # the other triangle does not matter
    for given_matrix in (a, read):
        y = compute(linalg, "cpp.cholesky", {"upper": upper}, a=given_matrix)
        close(y, expected, tolerance(dtype, side))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*RECTANGLES, (0, 3), (3, 0), (2, 0, 3), (3, 5, 4)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r", "raw"])
def test_qr(linalg: host.Plugin, shape: tuple[int, ...], mode: Any, dtype: str) -> None:
    a = random(shape, dtype)
    found = outputs(linalg, "cpp.qr", {"mode": mode}, a=a)
    names = {"r": ("r",), "raw": ("h", "tau")}.get(mode, ("q", "r"))
    expected = np.linalg.qr(a, mode)
    assert tuple(found) == names
    for name, array in zip(names, (expected,) if mode == "r" else expected, strict=True):
        close(found[name], np.asarray(array), tolerance(dtype, max(shape)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [*RECTANGLES, (0, 0), (0, 3), (3, 0), (2, 0, 3), (0, 2, 3), (4, 5, 3)]
)
@pytest.mark.parametrize("full", [False, True])
def test_svd(linalg: host.Plugin, shape: tuple[int, ...], full: bool, dtype: str) -> None:
    a = random(shape, dtype)
    found = outputs(linalg, "cpp.svd", {"full_matrices": full}, a=a)
    expected = np.linalg.svd(a, full_matrices=full)
    u, s, vh = found["u"], found["s"], found["vh"]
    within = tolerance(dtype, max(shape))
    close(s, expected.S, within)
    assert (u.shape, vh.shape) == (expected.U.shape, expected.Vh.shape)
    k = s.shape[-1]
    close(((u[..., :k] * s[..., None, :]) @ vh[..., :k, :]).astype(dtype), a, within)
    for orthonormal in (u.conj().swapaxes(-1, -2) @ u, vh @ vh.conj().swapaxes(-1, -2)):
        identity = np.broadcast_to(np.eye(orthonormal.shape[-1], dtype=dtype), orthonormal.shape)
        close(orthonormal, identity, within)
    values = outputs(linalg, "cpp.svd", {"compute_uv": False}, a=a)
    assert tuple(values) == ("s",)
    close(values["s"], expected.S, within)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh(
    linalg: host.Plugin, side: int, stack: tuple[int, ...], uplo: Any, dtype: str
) -> None:
    a = random((*stack, side, side), dtype)  # the other triangle is not read
    found = outputs(linalg, "cpp.eigh", {"UPLO": uplo}, a=a)
    w, v = found["w"], found["v"]
    expected = np.linalg.eigh(a, uplo)
    within = tolerance(dtype, side)
    close(w, expected.eigenvalues, within)
    assert v.dtype == a.dtype
    triangle = np.tril(a) if uplo == "L" else np.triu(a)
    real_diagonal = np.eye(side) * np.real(triangle)
    strict = triangle * (1 - np.eye(side))
    whole = strict + strict.conj().swapaxes(-1, -2) + real_diagonal
    scale = max(1.0, float(np.abs(w).max()) if w.size else 0.0)
    np.testing.assert_allclose(whole @ v, v * w[..., None, :], atol=within * scale)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("stack", STACKS)
def test_eig(linalg: host.Plugin, side: int, stack: tuple[int, ...], dtype: str) -> None:
    a = random((*stack, side, side), dtype)
    found = outputs(linalg, "cpp.eig", {}, a=a)
    w, v = found["w"], found["v"]
    assert w.dtype == v.dtype == np.result_type(dtype, "complex64")
    within = tolerance(dtype, side)
    expected = np.linalg.eigvals(a)
    scale = max(1.0, float(np.abs(w).max()) if w.size else 0.0)
    # Each found value is near one of NumPy's; the order is LAPACK's, and rounding's.
    if w.size:
        nearest = np.abs(w[..., :, None] - expected[..., None, :]).min(-1)
        assert nearest.max() <= 20 * within * scale
    np.testing.assert_allclose(a @ v, v * w[..., None, :], atol=within * scale)
    np.testing.assert_allclose(np.linalg.norm(v, axis=-2), 1, rtol=within)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*RECTANGLES, (0, 3), (3, 0)])
@pytest.mark.parametrize("columns", [None, 0, 1, 3])
def test_lstsq(
    linalg: host.Plugin, shape: tuple[int, int], columns: int | None, dtype: str
) -> None:
    a = random(shape, dtype)
    b = random(shape[:1] if columns is None else (shape[0], columns), dtype, 3)
    found, result = run(linalg, "cpp.lstsq", {}, {"a": a, "b": b})
    x, residuals, rank, s = np.linalg.lstsq(a, b)
    within = tolerance(dtype, max(shape), 200)
    close(found["x"], x, within)
    close(found["residuals"], residuals, within)
    close(found["s"], s, within)
    assert result == {"rank": int(rank)}


def test_lstsq_of_lower_rank(linalg: host.Plugin) -> None:
    a = random((20, 3), "float64") @ random((3, 6), "float64", 1)
    b = random((20,), "float64", 2)
    found, result = run(linalg, "cpp.lstsq", {}, {"a": a, "b": b})
    x, _, rank, _ = np.linalg.lstsq(a, b)
    close(found["x"], x, 1e-12)
    assert result["rank"] == rank == 3
    assert found["residuals"].shape == (0,)
    _, result = run(linalg, "cpp.lstsq", {"rcond": 0.9}, {"a": a, "b": b})
    assert result["rank"] == np.linalg.lstsq(a, b, rcond=0.9)[2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("scale", [1e-4, 0.1, 1.0, 30.0])
def test_expm(linalg: host.Plugin, side: int, scale: float, dtype: str) -> None:
    a = (random((2, side, side), dtype) * scale / max(side, 1)).astype(dtype)
    within = tolerance(dtype, side, 200 * max(scale, 1))
    for one in (a, np.triu(a), np.tril(a), a * np.eye(side, dtype=dtype)):
        expected = np.asarray(scipy.linalg.expm(one.astype(np.result_type(dtype, "float64"))))
        close(compute(linalg, "cpp.expm", {}, a=one), expected.astype(dtype), within)


def test_expm_of_hard_matrices(linalg: host.Plugin) -> None:
    nilpotent = np.diag(np.full(7, 1e6), 1)
    hard = [
        nilpotent[:3, :3],
        np.array([[-49.0, 24.0], [-64.0, 31.0]]),  # Moler and van Loan's
        np.array([[1.0, 1e5], [0.0, -1.0]]),
        np.array([[0.0, 6.0, 0.0], [-6.0, 0.0, 0.0], [0.0, 0.0, 1e-8]]),
        np.full((2, 2), -1e3),
    ]
    for a in hard:
        close(compute(linalg, "cpp.expm", {}, a=a), scipy.linalg.expm(a), 1e-10)
    # Powers that overflow must not make the squarings endless.
    for size in (1e200, -1e300):
        compute(linalg, "cpp.expm", {}, a=np.full((2, 2), size))


SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
NAN = np.array([[1.0, np.nan], [0.0, 1.0]])
INFINITE = np.array([[1.0, 0.0], [np.inf, 1.0]])


@pytest.mark.parametrize(
    ("algorithm", "inputs", "type"),
    [
        ("solve", {"a": SINGULAR, "b": np.ones(2)}, "SingularMatrix"),
        ("inv", {"a": SINGULAR}, "SingularMatrix"),
        ("inv", {"a": np.stack([np.eye(2), SINGULAR])}, "SingularMatrix"),
        ("cholesky", {"a": -np.eye(3)}, "NotPositiveDefinite"),
        ("cholesky", {"a": NAN}, "NotPositiveDefinite"),
    ],
)
def test_good_input_without_an_answer(
    linalg: host.Plugin, algorithm: str, inputs: dict[str, Array], type: str
) -> None:
    if algorithm == "cholesky":
        inputs = {"a": inputs["a"].T.copy()}  # the lower triangle is read
    with pytest.raises(host.PluginFailure) as failed:
        outputs(linalg, f"cpp.{algorithm}", {}, **inputs)
    assert failed.value.type == type


def test_a_singular_matrix_has_a_determinant(linalg: host.Plugin) -> None:
    assert compute(linalg, "cpp.det", {}, a=SINGULAR) == 0
    found = outputs(linalg, "cpp.slogdet", {}, a=SINGULAR)
    assert (found["sign"], found["logabsdet"]) == (0, -np.inf)


VECTOR, WIDE = np.ones(3), np.ones((2, 3))


@pytest.mark.parametrize(
    ("algorithm", "parameters", "inputs", "field"),
    [
        *((one, {}, {"a": VECTOR}, "inputs.a") for one in ("inv", "det", "svd", "qr", "eig")),
        *((one, {}, {"a": WIDE}, "inputs.a") for one in ("inv", "det", "slogdet", "expm")),
        *((one, {}, {"a": WIDE}, "inputs.a") for one in ("cholesky", "eigh", "eig")),
        *((one, {}, {"a": NAN}, "inputs.a") for one in ("svd", "eigh", "eig", "expm")),
        *((one, {}, {"a": INFINITE}, "inputs.a") for one in ("svd", "eigh", "eig", "expm")),
        *((one, {}, {"a": np.ones((2, 2), "int64")}, "inputs.a") for one in ("inv", "svd")),
        ("solve", {}, {"a": WIDE, "b": np.ones(3)}, "inputs.a"),
        ("solve", {}, {"a": np.eye(2), "b": np.ones(3)}, "inputs.b"),
        ("solve", {}, {"a": np.eye(2), "b": np.ones(2, "float32")}, "inputs.b"),
        ("solve", {}, {"a": np.eye(2)}, "inputs.b"),
        ("lstsq", {}, {"a": WIDE, "b": np.ones(3)}, "inputs.b"),
        ("lstsq", {}, {"a": WIDE, "b": np.array([np.nan, 1])}, "inputs.b"),
        ("lstsq", {}, {"a": WIDE[None], "b": np.ones(2)}, "inputs.a"),
        ("lstsq", {"rcond": "small"}, {"a": WIDE, "b": np.ones(2)}, "parameters.rcond"),
        ("qr", {"mode": "full"}, {"a": WIDE}, "parameters.mode"),
        ("eigh", {"UPLO": "l"}, {"a": np.eye(2)}, "parameters.UPLO"),
        # Empty arrays whose results nothing can hold.
        ("svd", {}, {"a": np.ones((2, (1 << 31) - 1, 0))}, "inputs.a"),
        ("qr", {"mode": "complete"}, {"a": np.ones((2, (1 << 31) - 1, 0))}, "inputs.a"),
    ],
)
def test_bad_input(
    linalg: host.Plugin,
    algorithm: str,
    parameters: dict[str, Any],
    inputs: dict[str, Array],
    field: str,
) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        outputs(linalg, f"cpp.{algorithm}", parameters, **inputs)
    assert list(refused.value.fields) == [field]


def test_nothing_many_times_is_not_counted(linalg: host.Plugin) -> None:
    nothing = np.ones((1 << 50, 0, 0))
    for algorithm in ("inv", "cholesky", "expm"):
        assert compute(linalg, f"cpp.{algorithm}", {}, a=nothing).shape == nothing.shape
    for algorithm in ("svd", "qr", "eig", "eigh"):
        outputs(linalg, f"cpp.{algorithm}", {}, a=nothing)


@pytest.mark.parametrize("make", [np.eye, np.ones, lambda n: np.arange(n * n).reshape(n, n)])
def test_degenerate_matrices(linalg: host.Plugin, make: Callable[..., Array]) -> None:
    for side in (1, 2, 3, 8):
        a = np.asarray(make(side) if make is not np.ones else np.ones((side, side)), "float64")
        found = outputs(linalg, "cpp.svd", {}, a=a)
        close((found["u"] * found["s"]) @ found["vh"], a, 1e-13)
        found = outputs(linalg, "cpp.eigh", {}, a=hermitian(a))
        close((found["v"] * found["w"]) @ found["v"].T, hermitian(a), 1e-13)


@settings(max_examples=30, deadline=None)
@given(side=st.integers(1, 40), columns=st.integers(1, 5), seed=st.integers(0, 2**32 - 1))
def test_solve_undoes_the_product(linalg: host.Plugin, side: int, columns: int, seed: int) -> None:
    a, x = square(side, "float64", seed=seed), random((side, columns), "float64", seed + 1)
    close(compute(linalg, "cpp.solve", {}, a=a, b=a @ x), x, 1e-11)
    identity = compute(linalg, "cpp.inv", {}, a=a) @ a
    np.testing.assert_allclose(identity, np.eye(side), atol=1e-11)


@settings(max_examples=20, deadline=None)
@given(side=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_the_determinant_of_an_exponential(linalg: host.Plugin, side: int, seed: int) -> None:
    a = random((side, side), "float64", seed) / side
    y = compute(linalg, "cpp.expm", {}, a=a)
    np.testing.assert_allclose(compute(linalg, "cpp.det", {}, a=y), np.exp(np.trace(a)), rtol=1e-11)
