"""What came of a request, as HTTP.

Rules: an algorithm's own failure is a result, hence 200 with its outcome, which a header tells too;
it comes as JSON whatever was asked for, since there are no outputs then. Large answers are made off
the loop.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from starlette.responses import Response

from edgemesh_gateway import passing
from edgemesh_gateway.rest import arrays, plain, problem
from edgemesh_gateway.rest.asking import FORM, JSON, Wanted
from edgemesh_gateway.rest.problem import Problem
from mesh_service.errors import InvalidRequest, Violation

SMALL = 64 << 10
"""Bytes of an answer that are converted on the loop."""


def dumps(value: object) -> bytes:
    """JSON, as short as it can be."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors="replace")


def told(value: object, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(dumps(value), status, named, JSON)


def refused(found: Problem) -> Response:
    """A problem."""
    return Response(dumps(found.body()), found.status, found.all_headers(), problem.MEDIA_TYPE)


async def computed(raw: bytes, wanted: Wanted) -> Response:
    """A ComputeResponse. Raises InvalidRequest where the wanted output is not there."""
    if len(raw) <= SMALL:
        return _computed(raw, wanted)
    return await asyncio.to_thread(_computed, raw, wanted)


def _computed(raw: bytes, wanted: Wanted) -> Response:
    answer = passing.read(compute_pb2.ComputeResponse, raw, "of the algorithm")
    outcome = compute_pb2.Outcome.Name(answer.outcome).removeprefix("OUTCOME_")
    headers = {
        "Edgemesh-Request-Id": answer.request_id,
        "Edgemesh-Algorithm": answer.algorithm,
        "Edgemesh-Outcome": outcome,
    }
    if answer.outcome == compute_pb2.OUTCOME_OK and wanted.media_type == arrays.NPY:
        name = _the_output(answer.outputs, wanted.output)
        return Response(arrays.to_npy(answer.outputs[name]), 200, headers, arrays.NPY)
    if answer.outcome == compute_pb2.OUTCOME_OK and wanted.media_type == FORM:
        boundary = secrets.token_hex(16)
        body = b"".join(_parts(answer, boundary.encode()))
        return Response(body, 200, headers, f"{FORM}; boundary={boundary}")
    return Response(dumps(plain.response(answer, wanted.tensors)), 200, headers, JSON)


def _the_output(outputs: Mapping[str, tensor_pb2.Tensor], name: str) -> str:
    if not name and len(outputs) == 1:
        (name,) = outputs
    if name not in outputs:
        known = ", ".join(sorted(outputs)) or "none, for there are no tensors"
        raise InvalidRequest([Violation("output", f"one of {known}")])
    return name


def _parts(answer: compute_pb2.ComputeResponse, boundary: bytes) -> Iterator[bytes]:
    told = plain.response(answer, "auto", outputs=False)
    yield _part(boundary, "response", "", JSON, dumps(told))
    for name, tensor in answer.outputs.items():
        opaque = tensor.dtype == tensor_pb2.DATA_TYPE_BYTES
        kind = (tensor.media_type or "application/octet-stream") if opaque else arrays.NPY
        data = tensor.data if opaque else arrays.to_npy(tensor)
        yield _part(boundary, name, name if opaque else f"{name}.npy", kind, data)
    yield b"--" + boundary + b"--\r\n"


def _part(boundary: bytes, name: str, file: str, media_type: str, data: bytes) -> bytes:
    also = f'; filename="{_quoted(file)}"' if file else ""
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"{also}\r\n'
    # The type is an algorithm's own word: what could end the line does not pass.
    kind = media_type if media_type.isprintable() else "application/octet-stream"
    return b"".join(
        [b"--", boundary, b"\r\n", f"{head}Content-Type: {kind}\r\n\r\n".encode(), data, b"\r\n"]
    )


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def sse(kind: str, content: Mapping[str, Any], number: int | None = None) -> bytes:
    """One event of an event stream."""
    number_line = b"" if number is None else f"id: {number}\n".encode()
    return number_line + f"event: {kind}\ndata: ".encode() + dumps(content) + b"\n\n"
