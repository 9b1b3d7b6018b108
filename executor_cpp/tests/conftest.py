"""Plugins as the build made them, and arrays as tensors."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loading.workshop import Executor, Workshop

import edgemesh_cpp_host as host

BUILT = Path(sys.prefix) / "edgemesh"
PLUGINS = BUILT / "plugins"
TESTING = BUILT / "testing-plugins"
NAMES = {number: name for name, number in host.DTYPES.items()}

Array = np.ndarray[Any, Any]


@dataclass
class Tensor:
    """A NumPy array as an input."""

    array: Array

    @property
    def dtype(self) -> int:
        return host.DTYPES[self.array.dtype.name]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape

    @property
    def data(self) -> memoryview:
        return memoryview(self.array.tobytes())


def allocate(nbytes: int) -> memoryview:
    """Memory for an output."""
    return memoryview(bytearray(nbytes))


def run(
    plugin: host.Plugin,
    algorithm: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, Any],
    **more: Any,
) -> tuple[dict[str, Array], Any]:
    """Run an algorithm on arrays; gives the outputs, and the JSON result if there is one."""
    tensors = {name: Tensor(np.asarray(array)) for name, array in inputs.items()}
    done = plugin.run(algorithm, json.dumps(parameters), tensors, allocate, **more)
    arrays = {
        name: np.frombuffer(output.data, NAMES[output.dtype]).reshape(output.shape)
        for name, output in done.outputs.items()
    }
    return arrays, None if done.result is None else json.loads(done.result)


def outputs(
    plugin: host.Plugin, algorithm: str, parameters: Mapping[str, Any], **inputs: Any
) -> dict[str, Array]:
    """Run an algorithm on arrays; gives the outputs by name."""
    return run(plugin, algorithm, parameters, inputs)[0]


def compute(
    plugin: host.Plugin, algorithm: str, parameters: Mapping[str, Any], **inputs: Any
) -> Array:
    """Run an algorithm on arrays; gives the output `y`."""
    return outputs(plugin, algorithm, parameters, **inputs)["y"]


def random(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Normal random numbers, real or complex."""
    generator = np.random.default_rng(seed)
    numbers = generator.standard_normal(shape)
    if dtype.startswith("complex"):
        numbers = numbers + 1j * generator.standard_normal(shape)
    return numbers.astype(dtype)


@pytest.fixture(scope="session")
def load() -> Iterator[Callable[[str], host.Plugin]]:
    """Loads a plugin by its name, once."""
    loaded: dict[str, host.Plugin] = {}

    def one(name: str) -> host.Plugin:
        if name not in loaded:
            folder = TESTING if name == "testing" else PLUGINS
            loaded[name] = host.Plugin(folder / f"{name}.so")
        return loaded[name]

    yield one
    for plugin in loaded.values():
        plugin.close()


@pytest.fixture(scope="session")
def fft(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("fft")


@pytest.fixture(scope="session")
def linalg(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("linalg")


@pytest.fixture(scope="session")
def signal(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("signal")


@pytest.fixture(scope="session")
def filters(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("filters")


@pytest.fixture(scope="session")
def testing(load: Callable[[str], host.Plugin]) -> host.Plugin:
    return load("testing")


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
async def start(folder: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Executor]]:
    """Starts an executor over the folder, with a store that is the same for each of them."""
    started: list[Executor] = []

    def one(**settings: object) -> Executor:
        started.append(Executor(folder, tmp_path / "store", **settings))
        return started[-1]

    yield one
    for executor in started:
        await executor.close()
