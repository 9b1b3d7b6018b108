"""A problem in the words in which OpenAI's clients expect it.

Rules: status, delay and id are the problem's own; a client makes its exception of the status.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from edgemesh_gateway.rest import answers, asking
from edgemesh_gateway.rest.desk import OBJECT
from edgemesh_gateway.rest.problem import Problem

_CODES = {
    "UNAUTHENTICATED": "invalid_api_key",
    "RATE_LIMITED": "rate_limit_exceeded",
    "TOO_MANY_AT_ONCE": "rate_limit_exceeded",
    "COMPUTE_SPENT": "insufficient_quota",
}
_PARAMETERS = re.compile(r"\bparameters\.(texts\b)?")


def body(found: Problem) -> dict[str, Any]:
    """The JSON object."""
    if found.status == 429:
        kind = "rate_limit_error"
    else:
        kind = "invalid_request_error" if found.status < 500 else "server_error"
    fields = [each["field"] for each in found.violations]
    param = _named(fields[0]) if fields else None
    if found.reason == "MODEL_NOT_FOUND":
        param = "model"
    return {
        "error": {
            "message": _named(found.detail),
            "type": kind,
            "param": param,
            "code": _CODES.get(found.reason, found.reason.lower()),
        }
    }


def refused(found: Problem) -> Response:
    """The answer."""
    headers = found.all_headers()
    if found.request_id:
        headers["X-Request-Id"] = found.request_id
    return Response(answers.dumps(body(found)), found.status, headers, asking.JSON)


def gives(streams: bool = False) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI is told of answers."""
    told: dict[str, Any] = {asking.JSON: {"schema": OBJECT}}
    if streams:
        told[asking.EVENTS] = {"schema": {"type": "string"}}
    wrong = {asking.JSON: {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
    return {
        200: {"description": "What came of it, as OpenAI tells it", "content": told},
        "default": {"description": "What was wrong, as OpenAI tells it", "content": wrong},
    }


def _named(text: str) -> str:
    """The same with parameters named as OpenAI names them."""
    return _PARAMETERS.sub(lambda found: "input" if found[1] else "", text)
