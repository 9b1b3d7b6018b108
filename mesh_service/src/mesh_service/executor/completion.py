"""What a front adds to a request that is valid, before a worker has it.

Rules: for what callers may leave out because the front has kept it; what is added is the front's
word, and not checked against the algorithm's schema.
"""

from __future__ import annotations

from typing import Protocol

from mesh_service.executor.validate import Valid


class Completion(Protocol):
    """Completes the requests of one algorithm."""

    async def complete(self, valid: Valid, tenant: str) -> None:
        """Change `valid.request` and `valid.blobs` in place. Raises `MeshError`."""
        ...
