"""The fetcher's own loop: a line of JSON in, a line of JSON out.

    {"id": 1, "do": "resolve", "requirements": ["humanize"], "supplied": {"numpy": "2.5.2"}}
    {"id": 2, "do": "fetch", "url": "https://…", "sha256": "…", "bytes": 1000}
    {"id": 3, "do": "find", "sha256": "…"}

    {"id": 4, "do": "request", "method": "GET", "url": "https://…", "headers": [["Accept", "…"]],
     "body": "<base64>", "granted": ["api.example.org"], "seconds": 5.0}

    {"id": 4, "status": 200, "reason": "OK", "headers": […], "body": "<base64>", "url": "https://…"}
    {"id": 1, "lock": "…"}   {"id": 2, "path": "…"}   {"id": 3, "path": null}
    {"id": 2, "error": {"kind": "refused", "message": "…"}}

Rules: requests are answered as they are done, a few at a time; the end of stdin ends the process.
"""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgemesh_fetcher.download import download
from edgemesh_fetcher.errors import FetchError
from edgemesh_fetcher.hosts import Hosts
from edgemesh_fetcher.policy import Policy
from edgemesh_fetcher.request import send
from edgemesh_fetcher.resolve import resolve
from edgemesh_fetcher.store import FileStore

AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Fetcher:
    """What it does for its front."""

    policy: Policy
    files: FileStore
    uv: Path
    uv_cache: Path
    python: str
    resolve_s: float
    hosts: Hosts
    """Those of programs' requests."""

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One request. Raises FetchError; KeyError, TypeError and ValueError for nonsense."""
        match asked["do"]:
            case "find":
                path = self.files.find(str(asked["sha256"]))
                return {"path": None if path is None else str(path)}
            case "fetch":
                return {"path": str(self._fetch(asked))}
            case "resolve":
                lock = resolve(
                    [str(each) for each in asked["requirements"]],
                    {str(k): str(v) for k, v in dict(asked["supplied"]).items()},
                    self.python,
                    self.uv,
                    self.uv_cache,
                    self.resolve_s,
                    offline=self.policy.offline,
                )
                return {"lock": lock}
            case "request":
                return self._request(asked)
            case other:
                raise ValueError(f"nothing is known of {other!r}")

    def _request(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self.policy.offline:
            raise FetchError("offline", "this executor is offline")
        answer = send(
            str(asked["method"]),
            str(asked["url"]),
            [(str(name), str(value)) for name, value in asked["headers"]],
            base64.b64decode(asked["body"]),
            hosts=self.hosts,
            granted=frozenset(str(each) for each in asked["granted"]),
            policy=self.policy,
            seconds=float(asked["seconds"]),
        )
        return {
            "status": answer.status,
            "reason": answer.reason,
            "headers": answer.headers,
            "body": base64.b64encode(answer.body).decode(),
            "url": answer.url,
        }

    def _fetch(self, asked: dict[str, Any]) -> Path:
        digest = str(asked["sha256"])
        found = self.files.find(digest)
        if found is not None:
            return found
        if self.policy.offline:
            raise FetchError("offline", "it is not in the cache, and this executor is offline")
        most = int(asked.get("bytes") or self.policy.max_bytes)
        return self.files.keep(digest, download(str(asked["url"]), self.policy, most))


def serve(fetcher: Fetcher) -> None:
    """Answer until stdin ends."""
    writing = threading.Lock()

    def tell(answer: dict[str, Any]) -> None:
        with writing:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for line in sys.stdin:
            asked: dict[str, Any] = json.loads(line)
            threads.submit(_work, fetcher.answer, asked, tell)


def _work(
    answer: Callable[[dict[str, Any]], dict[str, Any]],
    asked: dict[str, Any],
    tell: Callable[[dict[str, Any]], None],
) -> None:
    number = asked.get("id")
    try:
        tell({"id": number, **answer(asked)})
    except FetchError as error:
        tell({"id": number, "error": {"kind": error.kind, "message": error.message}})
    except Exception as error:
        message = f"{type(error).__name__}: {error}"[:1000]
        tell({"id": number, "error": {"kind": "unavailable", "message": message}})
