"""What came of a tool's call, for a model to read and for a program to use.

Rules: the structured content is what REST answers; pictures are content of their own instead, and
the text has of a long tensor only what it is, since it is read by a model. What the caller can mend
(a wrong parameter, a full queue) is a result that says `is_error`, so that the model reads it.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from edgemesh_gateway import passing
from edgemesh_gateway.rest import answers, plain
from edgemesh_gateway.rest.problem import Problem

MOST_TOLD = 256
"""Elements of a tensor that the text has."""


def of(raw: bytes) -> CallToolResult:
    """Of a ComputeResponse."""
    answer = passing.read(compute_pb2.ComputeResponse, raw, "of the algorithm")
    pictures: list[ContentBlock] = []
    for name in sorted(answer.outputs):
        if _is_picture(tensor := answer.outputs[name]):
            data = base64.b64encode(tensor.data).decode()
            pictures.append(ImageContent(data=data, mime_type=tensor.media_type))
            tensor.ClearField("data")
    structured = plain.response(answer, "auto")
    return CallToolResult(
        content=[TextContent(text=_text(structured)), *pictures],
        structured_content=structured,
        is_error=answer.outcome != compute_pb2.OUTCOME_OK,
    )


def refused(found: Problem) -> CallToolResult:
    """Of what was refused."""
    body = found.body()
    return CallToolResult(
        content=[TextContent(text=answers.dumps(body).decode())],
        structured_content=body,
        is_error=True,
    )


def _is_picture(tensor: tensor_pb2.Tensor) -> bool:
    opaque = tensor.dtype == tensor_pb2.DATA_TYPE_BYTES
    return opaque and tensor.media_type.startswith("image/") and tensor.media_type.isprintable()


def _text(structured: dict[str, Any]) -> str:
    """The same without what a model would not read."""
    told = {name: each for name, each in structured.items() if name not in _UNREAD}
    if "outputs" in told:
        outputs: dict[str, dict[str, Any]] = told["outputs"]
        told["outputs"] = {name: _short(tensor) for name, tensor in outputs.items()}
    return answers.dumps(told).decode()


_UNREAD = frozenset({"usage", "request_id", "algorithm"})


def _short(tensor: dict[str, Any]) -> dict[str, Any]:
    if math.prod(tensor["shape"]) <= MOST_TOLD:
        return tensor
    return {name: each for name, each in tensor.items() if name not in ("data", "base64")}
