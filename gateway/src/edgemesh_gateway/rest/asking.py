"""From HTTP to the contract: who calls, what it asks for, and in which form it wants the answer.

Rules: knows bodies and messages, calls nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_args

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.protobuf.message import Message
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from edgemesh_gateway.rest import arrays
from edgemesh_gateway.rest.arrays import Form
from edgemesh_gateway.rest.caller import Caller
from edgemesh_gateway.rest.models import PRIORITIES, Options
from edgemesh_gateway.rest.problem import Fault
from mesh_service import tracing
from mesh_service.errors import InvalidRequest, Violation
from mesh_service.stack import new_request_id, valid_request_id

REQUEST_ID = "edgemesh-request-id"
DEADLINE = "edgemesh-deadline-ms"
JSON, EVENTS, FORM = "application/json", "text/event-stream", "multipart/form-data"
_FORMS: tuple[str, ...] = get_args(Form)
_OFFERED = (JSON, EVENTS, FORM, arrays.NPY)
_ANY = frozenset({"*/*", "application/*"})
_MOST_DEADLINE_MS = 1 << 53
Kind = TypeVar("Kind", bound=Message)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The form of an answer."""

    media_type: str
    tensors: Form
    """How tensors are written in JSON."""
    output: str
    """Which output an `.npy` answer is; empty: the only one."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One piece of work."""

    message: compute_pb2.ComputeRequest
    deadline_ms: int | None = None


def caller(connection: HTTPConnection, deadline_ms: int | None = None) -> Caller:
    """Who calls; its id is made where it gives none that can be used. Raises InvalidRequest."""
    headers = connection.headers
    given = headers.get(REQUEST_ID, "")
    found = _deadline(headers)
    waits = min((ms for ms in (found, deadline_ms) if ms is not None), default=None)
    arrived: float = connection.scope.get("edgemesh.arrived") or time.monotonic()
    client = connection.client
    return Caller(
        authorization=headers.get("authorization", ""),
        request_id=given if valid_request_id(given) else request_id(connection),
        deadline=None if waits is None else arrived + waits / 1e3,
        trace=tracing.told(tuple(headers.items())) if tracing.on() else {},
        peer="" if client is None else _peer(client.host, client.port),
    )


def request_id(connection: HTTPConnection) -> str:
    """The id of a request, made once."""
    given = connection.headers.get(REQUEST_ID, "")
    if valid_request_id(given):
        return given
    made: str = connection.scope.setdefault("edgemesh.request_id", new_request_id())
    return made


def ask(
    algorithm: str,
    options: Options,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, tensor_pb2.Tensor],
) -> Ask:
    """The message that a gRPC caller would have sent. Raises InvalidRequest."""
    message = build(
        compute_pb2.ComputeRequest,
        request_id=options.request_id,
        algorithm=algorithm,
        priority=PRIORITIES.index(options.priority) + 1,
        session_id=options.session_id,
        limits=options.limits.model_dump(),
        capabilities=options.capabilities,
        parameters=text_of(parameters) if parameters else "",
    )
    for name, tensor in inputs.items():
        try:
            message.inputs[name].CopyFrom(tensor)
        except ValueError:
            raise InvalidRequest([Violation("inputs", "names that are UTF-8")]) from None
    return Ask(message, options.deadline_ms)


def build(kind: type[Kind], **fields: Any) -> Kind:
    """A message of fields that a caller gave. Raises InvalidRequest for text that is not UTF-8."""
    made = kind()
    for name, value in fields.items():
        try:
            made.MergeFrom(kind(**{name: value}))
        except ValueError:
            raise InvalidRequest([Violation(name, "text that is UTF-8")]) from None
    return made


def text_of(value: object) -> str:
    """JSON as text, as short as it can be."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a pair of surrogates: JSON can say it, UTF-8 cannot.
        return json.dumps(value, separators=(",", ":"))
    return text


def wanted(connection: HTTPConnection) -> Wanted:
    """How the answer is to be written. Raises Fault, InvalidRequest."""
    query = connection.query_params
    named = query.get("tensors", "auto")
    if named not in _FORMS:
        raise InvalidRequest([Violation("tensors", f"one of {', '.join(_FORMS)}")])
    tensors = cast(Form, named)
    accept = connection.headers.get("accept", "*/*")
    ranges = [each.partition(";")[0].strip().lower() for each in accept.split(",")]
    for each in ranges:
        if each in _OFFERED:
            return Wanted(each, tensors, query.get("output", ""))
    if not _ANY.intersection(ranges) and any(ranges):
        raise Fault(406, "NOT_ACCEPTABLE", f"offered: {', '.join(_OFFERED)}")
    return Wanted(JSON, tensors, query.get("output", ""))


def _deadline(headers: Headers) -> int | None:
    text = headers.get(DEADLINE)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > _MOST_DEADLINE_MS:
        raise InvalidRequest([Violation(f"header {DEADLINE}", "whole milliseconds")])
    return int(text)


def _peer(host: str, port: int) -> str:
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"
