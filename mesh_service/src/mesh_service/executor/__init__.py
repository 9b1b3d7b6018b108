"""What an executor is made of: a front that validates, runs and responds, and runners in workers.

Rules: the front (`front`, `validate`, `run`, `respond`, `process`) imports no native code of any
executor; the worker's side (`call`, `worker`) imports nothing of gRPC, since a worker must be ready
in a fraction of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mesh_service.executor.call import (
    AlgorithmFailure,
    Call,
    InvalidInput,
    Reply,
    Runner,
    SessionOf,
    TensorView,
    UnusableSession,
)

if TYPE_CHECKING:
    from mesh_service.executor.completion import Completion
    from mesh_service.executor.fan import Fan, Part
    from mesh_service.executor.process import Plan, serve

__all__ = [
    "AlgorithmFailure",
    "Call",
    "Completion",
    "Fan",
    "InvalidInput",
    "Part",
    "Plan",
    "Reply",
    "Runner",
    "SessionOf",
    "TensorView",
    "UnusableSession",
    "serve",
]


def __getattr__(name: str) -> object:
    if name == "Completion":
        from mesh_service.executor import completion

        return completion.Completion
    if name in ("Fan", "Part"):
        from mesh_service.executor import fan

        return getattr(fan, name)
    if name in ("Plan", "serve"):
        from mesh_service.executor import process

        return getattr(process, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
