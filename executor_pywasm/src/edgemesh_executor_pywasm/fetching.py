"""The front's side of `edgemesh.http`: a program's request goes out through the fetcher.

Rules: which hosts a run was granted is known here, from its request, and never taken from its
worker; all else that a request is held to, the fetcher holds it to, a process that also has the
secrets, which are not in this one. Nothing here raises: an answer says what went wrong.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any

from edgemesh_executor_pywasm import questions
from edgemesh_executor_pywasm.ground.outside import Outside, OutsideError
from edgemesh_executor_pywasm.http_host import capability
from edgemesh_executor_pywasm.refusals import refused
from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service.executor.capabilities import covered

_REASONS = {
    "not_granted": "NOT_GRANTED",
    "refused": "REQUEST_REFUSED",
    "too_large": "PAYLOAD_TOO_LARGE",
    "timeout": "DEADLINE_EXCEEDED",
    "offline": "UNREACHABLE",
    "unavailable": "UNREACHABLE",
}


class Fetching:
    """The way out for programs."""

    def __init__(self, settings: PyWasmSettings) -> None:
        self._hosts = list(settings.http)
        self._most = settings.http_timeout_s
        self._outside = Outside(settings, programs=True)

    async def ask(self, question: bytes, grants: Iterable[str], seconds: float) -> bytes:
        """Send a request: the answer to the worker that wants it sent."""
        grants = [*grants]
        hosts = [name for name in self._hosts if covered(grants, capability(name))]
        if not hosts:
            told = ", ".join(grants)
            return refused("NOT_GRANTED", f"no host was granted by http:<host>; granted: {told}")
        try:
            (length,) = questions.REQUEST.unpack_from(question)
            body_at = questions.REQUEST.size + length
            asked: dict[str, Any] = json.loads(question[questions.REQUEST.size : body_at])
            wanted = {
                "method": str(asked["method"]),
                "url": str(asked["url"]),
                "headers": [[str(name), str(value)] for name, value in asked["headers"]],
                "seconds": min(seconds, float(asked["seconds"]) or seconds, self._most),
            }
        except (ValueError, TypeError, KeyError, RecursionError, questions.struct.error):
            return refused("BAD_QUESTION", "the worker's question makes no sense")
        try:
            answer = await self._outside.request(
                {**wanted, "body": base64.b64encode(question[body_at:]).decode(), "granted": hosts}
            )
            body = base64.b64decode(answer.pop("body"))
            head = json.dumps(
                {name: answer[name] for name in ("status", "reason", "headers", "url")}
            ).encode()
        except OutsideError as error:
            return refused(_REASONS.get(error.kind, "UNREACHABLE"), error.message)
        except (ValueError, TypeError, KeyError):
            return refused("UNREACHABLE", "the fetcher's answer makes no sense")
        return questions.HTTP_ANSWERED + questions.REQUEST.pack(len(head)) + head + body

    async def close(self) -> None:
        """End the fetcher."""
        await self._outside.close()
