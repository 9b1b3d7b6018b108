"""Puts what earlier steps gave into a step's request.

Rules: what is put in stands behind the request as it came, since of a field the last value counts;
what is not there as it was asked for is the step's fault, and ends it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from edgemesh.compute.v1 import compute_pb2

from edgemesh_gateway.jobs import files as kinds
from edgemesh_gateway.jobs.files import Files
from edgemesh_gateway.store.chain_store import ChainStore
from edgemesh_gateway.store.job_records import JobRecord
from mesh_service import wire
from mesh_service.errors import InvalidParameter, InvalidTensor, Violation

MOST_SHOWN = 16


class Giving:
    """Knows where results lie."""

    def __init__(self, store: ChainStore, files: Files) -> None:
        self._store, self._files = store, files

    async def whole(self, job: JobRecord, request: bytes) -> bytes:
        """A job's request with what it takes of others. Raises InvalidRequest, OSError."""
        needs: Mapping[str, Any] = json.loads(job.needs or "{}")
        taken = [*needs.get("inputs", {}).values(), *needs.get("parameters", {}).values()]
        if not taken:
            return request
        assert job.chain is not None
        answers: dict[str, bytes] = {}
        for given in await self._store.given(job.chain, sorted({str(of[0]) for of in taken})):
            raw = given.result
            answers[given.step] = (
                await self._files.get(given.id, kinds.RESULT) if raw is None else raw
            )
        return await asyncio.to_thread(_whole, needs, answers, request)


def _whole(needs: Mapping[str, Any], answers: Mapping[str, bytes], request: bytes) -> bytes:
    given = {name: compute_pb2.ComputeResponse.FromString(raw) for name, raw in answers.items()}
    more = compute_pb2.ComputeRequest()
    for name, (step, output) in needs["inputs"].items():
        outputs = given[step].outputs
        if output not in outputs:
            known = ", ".join(sorted(outputs)[:MOST_SHOWN]) or "none"
            expected = f"an output of step {step!r}: {known}; not {output[:64]!r}"
            raise InvalidTensor([Violation(f"inputs.{name}", expected)])
        more.inputs[name].CopyFrom(outputs[output])
    if needs["parameters"]:
        head, _ = wire.detach(request)
        parameters: Any = _parsed(head.parameters)
        for name, (step, pointer) in needs["parameters"].items():
            try:
                parameters[name] = pointed(json.loads(given[step].result or "null"), pointer)
            except LookupError:
                expected = f"something at {pointer[:128]!r} of the result of step {step!r}"
                raise InvalidParameter([Violation(f"parameters.{name}", expected)]) from None
        more.parameters = json.dumps(parameters)
    return request + more.SerializeToString()


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InvalidParameter([Violation("parameters", "a JSON object")])
    return cast("dict[str, Any]", found)


def pointed(value: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at. Raises LookupError."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            listed = cast("Sequence[Any]", value)
            if not (name.isascii() and name.isdecimal()) or (name[0] == "0" and name != "0"):
                raise LookupError(name)
            value = listed[int(name[:10])]
        elif isinstance(value, dict):
            value = cast("Mapping[str, Any]", value)[name]
        else:
            raise LookupError(name)
    return value
