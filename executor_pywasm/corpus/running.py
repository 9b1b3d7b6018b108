"""Runs one module of tests in the sandbox, whatever its tests do to the interpreter.

Rules: a test in which the interpreter died counts as a failure, and the rest are run in a fresh
one; after `_MOST_DEATHS` the module is given up, which counts as one more failure.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpus.record import DIED, ERROR, SKIPPED, Module, Test
from edgemesh_sandbox import Limits, Result, Sandbox

LIMITS = Limits(
    run_time_ms=120_000, memory_bytes=768 << 20, output_bytes=64 << 20, files_bytes=256 << 20
)

_MOST_DEATHS = 12
_RECORD = re.compile("^\x1e(.*)$", re.MULTILINE)


def driver(name: str) -> str:
    """The program that runs tests in the guest by the framework `name`."""
    here = Path(__file__).parent
    return "\n".join(
        (here / f"guest_{part}.py").read_text().replace("from __future__ import annotations", "")
        for part in ("modules", name)
    )


def run_module(
    sandbox: Sandbox,
    program: str,
    name: str,
    modules: bytes,
    *,
    options: dict[str, Any] | None = None,
    limits: Limits = LIMITS,
) -> Module:
    """Run the tests of the module `name`, which is in the zip `modules` with all it imports."""
    began, found = time.monotonic(), Module(name)
    for _ in range(_MOST_DEATHS):
        inputs = {
            "module": name,
            "done": [test.id for test in found.tests],
            **(options or {}),
        }
        result = sandbox.run(program, inputs, files={"modules.zip": modules}, limits=limits)
        if _read(result, found):
            break
    else:
        found.complete = False
    found.seconds = time.monotonic() - began
    return found


def _read(result: Result, found: Module) -> bool:
    """Add the records of a run; whether the module has come to its end."""
    running, finished = "", False
    for kind, *fields in _records(result.stdout):
        if kind == "start":
            running = fields[0]
        elif kind == "end":
            found.tests.append(Test(*fields))
            running = ""
        elif kind == "fixture":
            found.tests.append(Test(fields[0], ERROR, fields[1]))
        elif kind == "fixture-skip":
            found.tests.append(Test(fields[0], SKIPPED, fields[1]))
        elif kind == "no-module":
            found.tests.append(Test(found.name, fields[0], fields[1]))
            finished = True
        elif kind == "finished":
            finished = True
    if finished:
        return True
    found.tests.append(Test(running or f"{found.name} (between tests)", DIED, _death(result)))
    return not running


def _death(result: Result) -> str:
    failure = result.failure
    if failure is None:
        return f"{result.outcome.name}: the program ended early"
    return f"{result.outcome.name}: {failure.type}: {failure.message}\n{failure.traceback[-800:]}"


def _records(stdout: str) -> Iterator[list[Any]]:
    for match in _RECORD.finditer(stdout):
        try:
            record = json.loads(match[1])
        except ValueError:
            continue  # what a test printed itself, or a record that was cut off
        if isinstance(record, list) and record:
            yield record
