"""Reads bodies of OpenAI's routes: what is offered, what may be there, what is refused by name.

Rules: two tables say what may be there though it is not offered: what is for the caller's own
bookkeeping, and values that ask for nothing. `null` is as good as absent, as in OpenAI's API.
"""

from __future__ import annotations

from typing import Any, TypeVar

from starlette.requests import Request

from edgemesh_gateway.rest import asking, models
from edgemesh_gateway.rest.desk import Desk
from edgemesh_gateway.rest.openai.bodies import Asked
from edgemesh_gateway.rest.openai.offering import schema
from edgemesh_gateway.rest.problem import Fault
from mesh_service.errors import InvalidRequest, Violation

_HARMLESS = frozenset(
    {
        "metadata",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "store",
        "user",
    }
)
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "function_call": ("none", "auto"),
    "functions": ([],),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "n": (1,),
    "parallel_tool_calls": (True, False),
    "reasoning_effort": ("none",),
    "response_format": ({"type": "text"},),
    "service_tier": ("auto", "default"),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "verbosity": ("medium",),
}
"""Values of parameters that are not offered under which the answer is the one that is given."""
Read = TypeVar("Read", bound=Asked)


async def read(desk: Desk, request: Request, kind: type[Read]) -> Read:
    """A body. Raises Fault, InvalidRequest with every field that is wrong."""
    body = await desk.bodies.read(request)
    if body.files:
        raise Fault(415, "UNSUPPORTED_MEDIA_TYPE", "expected application/json")
    given = {name: value for name, value in body.fields.items() if value is not None}
    found = models.read(kind, given)
    wrong = [
        Violation(name[:128], _expected(name))
        for name, value in (found.model_extra or {}).items()
        if name not in _HARMLESS and value not in _NEUTRAL.get(name, ())
    ]
    if wrong:
        raise InvalidRequest(wrong)
    return found


async def offered(desk: Desk, request: Request, algorithm: str, model: str) -> dict[str, Any]:
    """The schema of an algorithm's parameters, which takes `model`. Raises MeshError, Fault."""
    caller = asking.caller(request)
    found = schema(await desk.offered(algorithm, caller))
    takes: list[str] = found.get("model", {}).get("enum", [])
    if model in takes:
        return found
    others = (await desk.models(caller)).get(model)
    if others is not None:
        raise InvalidRequest([Violation("model", f"one of {algorithm}; this is of {others[0]}")])
    known = ", ".join(name for name in takes if "@" not in name)[:256]
    detail = f"model: one of {known}, not {model[:128]!r}"
    raise Fault(404, "MODEL_NOT_FOUND", detail)


def _expected(name: str) -> str:
    if name not in _NEUTRAL:
        return "absent: there is no such parameter here"
    allowed = " or ".join(repr(value) for value in _NEUTRAL[name])
    return f"absent, or {allowed}: nothing else is offered"
