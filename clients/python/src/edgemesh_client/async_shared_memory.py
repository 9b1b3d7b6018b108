"""Memory shared with an executor on this machine: arrays in it are named, not sent.

Rules: the memory's name is gone as soon as the executor has opened it, so a process that dies
leaves nothing behind. Where the executor does not take it (another machine, a gateway that does not
offer it) arrays of it are sent as bytes, and a program is right all the same: `shared` and `why`
tell. Arrays outlive `close`; from then on they are sent as bytes.
"""

from __future__ import annotations

import mmap
import os
import uuid
from collections.abc import Iterable, Sequence
from math import prod
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import shared_memory_pb2, shared_memory_pb2_grpc

from edgemesh_client.errors import ConfigurationError, InvalidRequest, NotFound, Unavailable
from edgemesh_client.regions import Region
from edgemesh_client.values.tensor import DTYPES

if TYPE_CHECKING:
    from edgemesh_client.async_client import AsyncClient

_FOLDER = Path("/dev/shm")  # noqa: S108
_ALIGNED = 64
"""As vector instructions like it; the contract asks for 16."""


class AsyncSharedMemory:
    """So many bytes, shared with one executor; an async context manager."""

    def __init__(self, client: AsyncClient, executor: str, size: int) -> None:
        if size <= 0:
            raise ConfigurationError("size", f"bytes, more than 0, not {size}")
        self._client, self.executor, self.size = client, executor, size
        self.why = "it is not open"
        """Why it is not shared; empty where it is."""
        self._region: Region | None = None
        self._memory: npt.NDArray[np.uint8] | None = None
        self._used = 0

    @property
    def shared(self) -> bool:
        """Whether the executor maps it too."""
        return self._region is not None

    def __repr__(self) -> str:
        state = "shared" if self.shared else self.why
        return f"<{type(self).__name__} {self.executor} {self.size:,} bytes: {state}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Make it, and tell the executor. Raises ConfigurationError where there is no such one."""
        if self._memory is not None:
            return
        offered = await self._client.algorithms()
        executors = sorted({each.executor for each in offered})
        if self.executor not in executors:
            there = ", ".join(executors) or "none serves"
            raise ConfigurationError("executor", f"one of {there}, not {self.executor!r}")
        namespaces = frozenset(
            each.name.partition(".")[0] for each in offered if each.executor == self.executor
        )
        name = f"edgemesh-{uuid.uuid4().hex}"
        path = _FOLDER / name
        try:
            memory = _bytes_of(_made(path, self.size))
        except FileNotFoundError:
            self._memory, self.why = _bytes_of(mmap.mmap(-1, self.size)), f"there is no {_FOLDER}"
            return
        try:
            request = shared_memory_pb2.RegisterSharedMemoryRequest(
                name=name,
                executor=self.executor,
                shm_name=name,
                size=self.size,
                owner_pid=os.getpid(),
            )
            await self._client.link.unary(self._stub.RegisterSharedMemory, request)
        except InvalidRequest as refused:
            self.why = "; ".join(refused.fields.values()) or refused.message
        else:
            self.why, self._region = "", Region(name, namespaces, memory)
            self._client.regions.all.append(self._region)
        finally:
            _forget(path)
        self._memory = memory

    def array(
        self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float64
    ) -> npt.NDArray[Any]:
        """An array in it, of zeros. Raises ConfigurationError where there is no room left."""
        try:
            kind = np.dtype(dtype)
            lengths = tuple(map(index, shape if isinstance(shape, Iterable) else (shape,)))
        except TypeError as error:
            raise ConfigurationError("shape, dtype", str(error)) from None
        if any(length < 0 for length in lengths):
            raise ConfigurationError("shape", f"lengths of 0 or more, not {lengths}")
        if self._memory is None:
            raise ConfigurationError("size", "memory that is open: use `with`, or open()")
        if kind.name not in DTYPES:
            raise ConfigurationError("dtype", f"one of {', '.join(DTYPES)}, not {kind}")
        nbytes = prod(lengths) * kind.itemsize
        start = -(-self._used // _ALIGNED) * _ALIGNED
        if start + nbytes > self.size:
            left = max(0, self.size - start)
            raise ConfigurationError("size", f"{left:,} bytes are left, {nbytes:,} are asked for")
        self._used = start + nbytes
        return self._memory[start : start + nbytes].view(kind).reshape(lengths)

    def copy(self, array: npt.ArrayLike) -> npt.NDArray[Any]:
        """A copy of an array, in it."""
        given = np.asarray(array)
        made = self.array(given.shape, given.dtype.newbyteorder("="))
        np.copyto(made, given)
        return made

    async def close(self) -> None:
        """Let go of it; the executor unmaps it when what runs has ended."""
        region, self._region, self.why = self._region, None, "it is closed"
        self._memory = None
        if region is None:
            return
        self._client.regions.all.remove(region)
        request = shared_memory_pb2.UnregisterSharedMemoryRequest(
            name=region.name, executor=self.executor
        )
        try:
            await self._client.link.unary(self._stub.UnregisterSharedMemory, request, safe=True)
        except (NotFound, Unavailable):
            return  # the executor was started anew, or is gone: it has let go of it

    @property
    def _stub(self) -> shared_memory_pb2_grpc.SharedMemoryServiceAsyncStub:
        return shared_memory_pb2_grpc.SharedMemoryServiceStub(self._client.channel)


def _made(path: Path, size: int) -> mmap.mmap:
    """The memory. Raises OSError: a full /dev/shm is told here, not by a signal at first use."""
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, size)
        return mmap.mmap(fd, size)
    except BaseException:
        _forget(path)
        raise
    finally:
        os.close(fd)


def _bytes_of(memory: mmap.mmap) -> npt.NDArray[np.uint8]:
    return np.frombuffer(memory, np.uint8)


def _forget(path: Path) -> None:
    path.unlink(missing_ok=True)
