"""`python.map`: one function over many items, each a call of its own.

Rules: lives in the front, which runs no Python of callers; it takes requests apart and puts answers
together. A tensor that items refer to goes to those that do; all others go to every item.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, cast

from edgemesh.compute.v1 import compute_pb2

from edgemesh_executor_pywasm.describe import CALL
from mesh_service.executor.fan import Part

_ALGORITHM = f"{CALL}@1"


class PythonMap:
    """Takes a `python.map` apart into calls, and puts it together."""

    def split(self, request: compute_pb2.ComputeRequest) -> tuple[Sequence[Part], int]:
        """A `python.call` for each item."""
        parameters: dict[str, Any] = json.loads(request.parameters)
        items: list[Any] = parameters.pop("items")
        concurrency: int = parameters.pop("concurrency", 0)
        tensors = set(request.inputs)
        own_ones = [tensors & set(referred(item)) for item in items]
        common = tensors.difference(*own_ones)
        parts = [
            Part(
                _ALGORITHM,
                {**parameters, "args": [item], "refs": f"{number}."},
                sorted(common | own),
            )
            for number, (item, own) in enumerate(zip(items, own_ones, strict=True))
        ]
        return parts, concurrency

    def join(
        self,
        request: compute_pb2.ComputeRequest,
        answers: Sequence[compute_pb2.ComputeResponse | None],
    ) -> Any:
        """A list of what became of each."""
        return [_told(answer) for answer in answers]


def referred(value: Any) -> Iterator[str]:
    """The names of tensors that a wire form refers to."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += cast(list[Any], part)
        elif isinstance(part, dict):
            fields = cast(dict[str, Any], part)
            waiting += fields.values()
            name = fields.get("tensor")
            if "$type" in fields and isinstance(name, str):
                yield name


def _told(answer: compute_pb2.ComputeResponse | None) -> dict[str, Any]:
    if answer is None:
        return {"outcome": "timeout"}
    outcome = compute_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_").lower()
    told: dict[str, Any] = {"outcome": outcome}
    if answer.outcome == compute_pb2.OUTCOME_OK:
        told["result"] = json.loads(answer.result or "null")
    else:
        told["failure"] = _failure(answer.failure)
    return told


def _failure(failure: compute_pb2.Failure) -> dict[str, Any]:
    told: dict[str, Any] = {"type": failure.type, "message": failure.message}
    if failure.traceback:
        told["traceback"] = failure.traceback
    if failure.exit_code:
        told["exit_code"] = failure.exit_code
    if failure.notes:
        told["notes"] = list(failure.notes)
    if failure.exceptions:
        told["exceptions"] = [_failure(member) for member in failure.exceptions]
    return told
