"""Shared memory: `AsyncSharedMemory`, for callers without an event loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgemesh_client.async_shared_memory import AsyncSharedMemory
from edgemesh_client.portal import Portal


class SharedMemory:
    """So many bytes, shared with one executor; a context manager."""

    def __init__(self, portal: Portal, memory: AsyncSharedMemory) -> None:
        self._portal, self._async = portal, memory

    @property
    def shared(self) -> bool:
        """Whether the executor maps it too."""
        return self._async.shared

    @property
    def why(self) -> str:
        """Why it is not shared; empty where it is."""
        return self._async.why

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._async.size

    def __repr__(self) -> str:
        return repr(self._async).replace("AsyncShared", "Shared", 1)

    def __enter__(self) -> SharedMemory:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Make it, and tell the executor. Raises ConfigurationError where there is no such one."""
        self._portal.run(self._async.open())

    def array(
        self, shape: int | Sequence[int], dtype: npt.DTypeLike = np.float64
    ) -> npt.NDArray[Any]:
        """An array in it, of zeros. Raises ConfigurationError where there is no room left."""
        return self._async.array(shape, dtype)

    def copy(self, array: npt.ArrayLike) -> npt.NDArray[Any]:
        """A copy of an array, in it."""
        return self._async.copy(array)

    def close(self) -> None:
        """Let go of it; the executor unmaps it when what runs has ended."""
        if not self._portal.closed:
            self._portal.run(self._async.close())
