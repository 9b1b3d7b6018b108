"""Shared memory: arrays that client and executor both see, so that no message carries them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemesh_client import (
    AsyncClient,
    AsyncSharedMemory,
    Client,
    ConfigurationError,
    SharedMemory,
    ValueUnfit,
)
from edgemesh_client.async_connection import AsyncConnection
from edgemesh_client.regions import Landing
from edgemesh_client.request import Call, make_request

pytestmark = pytest.mark.needs("cpp")

POINTS = 4096


def test_arrays_in_it_are_read_and_written_where_they_lie(client: Client) -> None:
    with client.shared_memory("cpp", 1 << 20) as memory:
        assert memory.shared
        x = memory.copy(np.sin(np.arange(POINTS) / 7))
        y = memory.array(POINTS, "complex128")

        result = client.compute("cpp.fft", x=x, out={"y": y})

        assert result.value is y
        np.testing.assert_allclose(y, np.fft.fft(x), atol=1e-9)

        # The same memory again, for as often as one likes.
        x[:] = np.cos(np.arange(POINTS) / 3)
        client.compute("cpp.fft", x=x, out={"y": y})
        np.testing.assert_allclose(y, np.fft.fft(x), atol=1e-9)

    # It is let go of; what is in it stays as long as somebody holds it, and is sent as bytes.
    assert not memory.shared
    np.testing.assert_allclose(client.compute("cpp.fft", x=x).value, y, atol=1e-9)


def test_any_array_may_be_given_for_an_output(client: Client) -> None:
    x, y = np.arange(8.0), np.empty(8, "complex128")
    assert client.compute("cpp.fft", x=x, out={"y": y}).value is y
    np.testing.assert_allclose(y, np.fft.fft(x), atol=1e-12)

    # It gives memory only: a longer one is filled as far as the answer goes.
    longer = np.zeros((4, 4), "complex128")
    answer = client.compute("cpp.fft", x=x, out={"y": longer}).value
    assert answer.shape == (8,)
    assert np.shares_memory(answer, longer)

    with pytest.raises(ValueUnfit, match=r"^out 'y' has 64 bytes, and the output 128"):
        client.compute("cpp.fft", x=x, out={"y": np.empty(4, "complex128")})
    with pytest.raises(ValueUnfit, match="in C order"):
        client.compute("cpp.fft", x=x, out={"y": np.empty((4, 4), "complex128").T[:2]})


async def test_no_byte_of_it_is_in_the_message(aclient: AsyncClient) -> None:
    async with aclient.shared_memory("cpp", 1 << 20) as memory:
        x, y = memory.array(POINTS), memory.array(POINTS, "complex128")
        regions = aclient.regions
        request = make_request("cpp.fft", Call(), {"x": x}, regions=regions)
        Landing(regions, {"y": y}).ask(request)
        assert request.inputs["x"].WhichOneof("storage") == "shared_memory"
        assert request.outputs_to["y"].size == y.nbytes
        assert request.ByteSize() < 500


def test_what_cannot_be_named_is_sent(client: Client) -> None:
    with client.shared_memory("cpp", 1 << 16) as memory:
        matrix = memory.copy(np.arange(12.0).reshape(3, 4))
        # Another order, an odd place.
        product = client.compute("cpp.matmul", a=matrix, b=matrix.T).value
        np.testing.assert_allclose(product, matrix @ matrix.T)
        shifted = memory.copy(np.arange(9.0))[1:]
        spectrum = client.compute("cpp.fft", x=shifted).value
        np.testing.assert_allclose(spectrum, np.fft.fft(shifted), atol=1e-12)


@pytest.mark.needs("pywasm")
def test_another_executor_gets_the_bytes(client: Client) -> None:
    with client.shared_memory("cpp", 1 << 16) as memory:
        x = memory.copy(np.arange(4.0))
        assert client.compute("python.run", code="inputs['x'].sum()", x=x).value == 6.0


@pytest.mark.needs("pywasm")
def test_a_program_reads_it_too(client: Client) -> None:
    with client.shared_memory("pywasm", 1 << 16) as memory:
        x = memory.copy(np.arange(4.0))
        assert client.compute("python.run", code="inputs['x'].sum()", x=x).value == 6.0


def test_a_stream_writes_to_it(client: Client) -> None:
    with client.shared_memory("cpp", 1 << 16) as memory:
        x, y = memory.copy(np.arange(8.0)), memory.array(8, "complex128")
        *_, last = client.stream("cpp.fft", x=x, out={"y": y})
        assert getattr(last, "value", None) is y


def test_where_it_is_not_offered_the_same_program_sends_bytes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a machine that has none.
    monkeypatch.setattr("edgemesh_client.async_shared_memory._FOLDER", Path("/no/such/folder"))
    with client.shared_memory("cpp", 1 << 16) as memory:
        assert not memory.shared
        assert memory.why == "there is no /no/such/folder"
        x, y = memory.copy(np.arange(8.0)), memory.array(8, "complex128")
        assert client.compute("cpp.fft", x=x, out={"y": y}).value is y
        np.testing.assert_allclose(y, np.fft.fft(x), atol=1e-12)


def test_what_makes_no_sense(client: Client) -> None:
    with client.shared_memory("cpp", 1000) as memory:
        memory.array(100)
        with pytest.raises(ConfigurationError, match=r"^size: 168 bytes are left, 400 are asked"):
            memory.array((5, 10))
        with pytest.raises(ConfigurationError, match=r"^dtype: one of bool, int8"):
            memory.array(1, object)
        for unfit in (-1, (2, -3), 1.5):
            with pytest.raises(ConfigurationError, match=r"^shape"):
                memory.array(unfit)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="zzz"):
            memory.array(1, "zzz")
        lengths: Any = np.array([2, 3])
        assert memory.array(lengths).shape == (2, 3)
    with pytest.raises(ConfigurationError, match=r"^size: memory that is open"):
        memory.array(1)
    with pytest.raises(ConfigurationError, match=r"^size: bytes, more than 0"):
        client.shared_memory("cpp", 0)
    with (
        pytest.raises(ConfigurationError, match=r"^executor: one of cpp.*, not 'c'$"),
        client.shared_memory("c", 1),
    ):
        pass


async def test_nothing_is_left_behind(aclient: AsyncClient) -> None:
    before = {path.name for path in Path("/dev/shm").glob("edgemesh-*")}
    async with aclient.shared_memory("cpp", 4096) as memory:
        assert memory.shared
        # A process that died here would leave no name either.
        assert {path.name for path in Path("/dev/shm").glob("edgemesh-*")} <= before
        assert len(aclient.regions.all) == 1
    assert AsyncConnection().regions.all == aclient.regions.all == []


def test_both_have_the_same_surface(client: Client) -> None:
    memory = client.shared_memory("cpp", 1)
    names = {name for name in vars(SharedMemory) if not name.startswith("_")}
    assert names == {"array", "close", "copy", "open", "shared", "size", "why"}
    alike = AsyncSharedMemory(AsyncClient(), "cpp", 1)
    assert all(hasattr(alike, name) and hasattr(memory, name) for name in names)
