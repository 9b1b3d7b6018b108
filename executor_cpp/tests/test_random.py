"""The plugin random against numpy.random: the same bits for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import Array, compute
from hypothesis import given, settings
from hypothesis import strategies as st

import edgemesh_cpp_host as host

GENERATORS = {"PCG64": np.random.PCG64, "Philox": np.random.Philox}
SEEDS = [0, 1, 12345, 2**32 - 1, 2**32, 2**64 - 1, [], [0], [1, 2, 3], [2**63, 7, 1, 2, 3, 4]]
MANY = 2_000_000  # so many that the rarest branches are taken, tails among them


@pytest.fixture(scope="session")
def plugin(load: Any) -> host.Plugin:
    return load("random")


def draw(plugin: host.Plugin, seed: Any, **parameters: Any) -> Array:
    return compute(plugin, "cpp.random", {"seed": seed, **parameters})


def same(found: Array, expected: Any) -> None:
    expected = np.asarray(expected)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("seed", SEEDS, ids=str)
def test_seeds(plugin: host.Plugin, generator: str, seed: Any) -> None:
    numpy = np.random.Generator(GENERATORS[generator](seed))
    same(draw(plugin, seed, generator=generator, shape=[100]), numpy.random(100))


def test_the_default_generator_is_numpys(plugin: host.Plugin) -> None:
    same(draw(plugin, 7, shape=[3, 4]), np.random.default_rng(7).random((3, 4)))


@pytest.mark.parametrize("shape", [(), (0,), (1,), (2,), (3,), (5, 0, 2), (7, 11), (2, 3, 4, 5)])
@pytest.mark.parametrize("generator", GENERATORS)
def test_shapes(plugin: host.Plugin, generator: str, shape: tuple[int, ...]) -> None:
    numpy = np.random.Generator(GENERATORS[generator](3))
    same(draw(plugin, 3, generator=generator, shape=shape), numpy.random(shape))


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_many_standard_numbers(plugin: host.Plugin, generator: str, dtype: Any) -> None:
    asked = {"generator": generator, "dtype": dtype, "shape": [MANY]}
    numpy = np.random.Generator(GENERATORS[generator](11))
    same(draw(plugin, 11, **asked), numpy.random(MANY, dtype))
    numpy = np.random.Generator(GENERATORS[generator](11))
    same(draw(plugin, 11, distribution="normal", **asked), numpy.standard_normal(MANY, dtype))
    numpy = np.random.Generator(GENERATORS[generator](11))
    expected = numpy.standard_exponential(MANY, dtype)
    same(draw(plugin, 11, distribution="exponential", **asked), expected)


def test_where_and_how_wide(plugin: host.Plugin) -> None:
    size = 1000
    found = draw(plugin, 5, low=-3.5, high=2.25, shape=[size])
    same(found, np.random.default_rng(5).uniform(-3.5, 2.25, size))
    found = draw(plugin, 5, distribution="normal", loc=1.5, scale=0.3, shape=[size])
    same(found, np.random.default_rng(5).normal(1.5, 0.3, size))
    found = draw(plugin, 5, distribution="exponential", scale=0.3, shape=[size])
    same(found, np.random.default_rng(5).exponential(0.3, size))


RANGES = [
    (0, 1),
    (0, 2),
    (-5, 100),
    (0, 2**31 + 1),  # a third is drawn again
    (0, 2**32 - 1),
    (0, 2**32),  # 32 bits, all of them
    (0, 2**32 + 1),
    (-7, 2**62 + 2**61),
    (-(2**63), 2**63 - 1),
    (-(2**63), 2**63),  # 64 bits, all of them
]


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_integers(plugin: host.Plugin, generator: str, low: int, high: int) -> None:
    asked = {"distribution": "integers", "generator": generator, "shape": [10_001], "low": low}
    numpy = np.random.Generator(GENERATORS[generator](2))
    same(draw(plugin, 2, high=high, **asked), numpy.integers(low, high, 10_001))
    numpy = np.random.Generator(GENERATORS[generator](2))
    found = draw(plugin, 2, high=high - 1, endpoint=True, **asked)
    same(found, numpy.integers(low, high - 1, 10_001, endpoint=True))


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-(2**31), 2**31), (5, 2**31)])
def test_integers_of_32_bits(plugin: host.Plugin, low: int, high: int) -> None:
    found = draw(plugin, 2, distribution="integers", dtype="int32", low=low, high=high, shape=[999])
    same(found, np.random.default_rng(2).integers(low, high, 999, "int32"))


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 10, 1009, 65_537])
def test_permutations(plugin: host.Plugin, generator: str, n: int) -> None:
    numpy = np.random.Generator(GENERATORS[generator](4))
    found = compute(plugin, "cpp.permutation", {"seed": 4, "n": n, "generator": generator})
    same(found, numpy.permutation(n))


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**64 - 1),
    low=st.integers(-(2**63), 2**63 - 1),
    width=st.integers(1, 2**64),
)
def test_any_range(plugin: host.Plugin, seed: int, low: int, width: int) -> None:
    high = min(low + width, 2**63)
    found = draw(plugin, seed, distribution="integers", low=low, high=high, shape=[50])
    same(found, np.random.default_rng(seed).integers(low, high, 50))


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"shape": [2**63 - 1]}, "shape"),
        ({"shape": [2**32, 2**31]}, "shape"),
        ({"shape": [2**63]}, "shape[0]"),
        ({"shape": [3, -1]}, "shape[1]"),
        ({"shape": [1] * 33}, "shape"),
        ({"shape": 3}, "shape"),
        ({"generator": "MT19937"}, "generator"),
        ({"distribution": "cauchy"}, "distribution"),
        ({"dtype": "float16"}, "dtype"),
        ({"dtype": "int64"}, "dtype"),
        ({"distribution": "integers", "high": 3, "dtype": "float64"}, "dtype"),
        ({"distribution": "integers"}, "high"),
        ({"distribution": "integers", "high": 0}, "high"),
        ({"distribution": "integers", "low": 5, "high": 4, "endpoint": True}, "high"),
        ({"distribution": "integers", "high": 2.5}, "high"),
        ({"distribution": "integers", "high": 2**31 + 1, "dtype": "int32"}, "high"),
        ({"distribution": "normal", "scale": -1}, "scale"),
        ({"distribution": "normal", "high": 1}, "high"),
        ({"low": 1.7e308, "high": -1.7e308}, "high"),
        ({"low": -1.7e308, "high": 1.7e308}, "high"),
        ({"high": 1e300, "dtype": "float32"}, "high"),
        ({"seed": -1}, "seed"),
        ({"seed": [1, -1]}, "seed[1]"),
        ({"seed": 0.5}, "seed"),
        ({"seed": "0"}, "seed"),
    ],
)
def test_bad_input(plugin: host.Plugin, parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(host.PluginInvalidInput) as refused:
        compute(plugin, "cpp.random", {"seed": 0, **parameters})
    assert list(refused.value.fields) == [f"parameters.{field}"]


def test_what_does_not_fit_the_callers_memory(plugin: host.Plugin) -> None:
    with pytest.raises(host.PluginInvalidInput):
        plugin.run("cpp.random", '{"seed": 0, "shape": [1000]}', {}, bytearray, memory_bytes=7999)
