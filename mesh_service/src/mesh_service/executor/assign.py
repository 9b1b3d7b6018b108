"""Which workers take a request, where that depends on what it asks for.

Rules: whoever assigns sees to it that the workers stay while the request is with them; it may take
long to get them ready, and the request's run time begins after that.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from mesh_service import errors
from mesh_service.executor.validate import Valid
from mesh_service.pool import WorkerPool


class Assignment(Protocol):
    """Finds the workers of requests."""

    def assign(self, valid: Valid) -> AbstractAsyncContextManager[WorkerPool]:
        """The workers, for as long as the body runs. Raises `MeshError`: nothing ran."""
        ...

    def explain(self, error: errors.MeshError, raw: bytes) -> errors.MeshError:
        """What to tell of a request (its bytes) that was refused with `error`: it, or another."""
        return error
