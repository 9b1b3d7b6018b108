"""Runs something in a forked child, which may do to itself what must not be done to the tests."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Callable
from typing import Any


def in_child(function: Callable[[], Any]) -> Any:
    """What `function` gives, a JSON value; what it raises fails the test."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            answer = {"value": function()}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    assert answer, "the child died"
    found: dict[str, Any] = json.loads(answer)
    assert "error" not in found, found["error"]
    return found["value"]
