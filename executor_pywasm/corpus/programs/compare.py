"""One program, run by this interpreter and in the sandbox: what differs.

Rules: what is a difference of the two versions of Python, not of the sandbox, is a row of
`VERSIONS`; both sides' text is rewritten by it before it is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from corpus.programs.native import Native
from corpus.programs.program import assembled, blocks
from corpus.programs.versions import VERSIONS
from edgemesh_sandbox import Limits, Outcome, Sandbox

LIMITS = Limits(run_time_ms=20_000, output_bytes=8 << 20)
_END = "output = {'done': True}\n"


@dataclass(frozen=True, slots=True)
class Difference:
    """What a program did otherwise in the sandbox."""

    program: str
    here: str
    there: str


def difference(native: Native, sandbox: Sandbox, program: str) -> Difference | None:
    """Run `program` on both sides; None if they agree."""
    here, there = native.observe(program), _sandboxed(sandbox, program)
    if _plain(here) == _plain(there):
        return None
    return Difference(program, *_first_lines(_plain(here), _plain(there)))


def check(native: Native, sandbox: Sandbox, random: Random) -> Difference | None:
    """Make a program and compare; the smallest part of it that differs, if one does."""
    parts = blocks(random)
    if difference(native, sandbox, assembled(parts, _END)) is None:
        return None
    return _smallest(native, sandbox, parts)


def _smallest(native: Native, sandbox: Sandbox, parts: Sequence[str]) -> Difference | None:
    for part in parts:
        found = difference(native, sandbox, assembled([part], _END))
        if found:
            return found
    return difference(native, sandbox, assembled(parts, _END))


def _sandboxed(sandbox: Sandbox, program: str) -> dict[str, Any]:
    result = sandbox.run(program, limits=LIMITS)
    failure = None
    if result.failure:
        failure = [result.failure.type, result.failure.message]
        if result.outcome is not Outcome.EXCEPTION:
            failure[0] = f"{result.outcome.name} {failure[0]}"
    return {"stdout": result.stdout, "output": result.result, "failure": failure}


def _plain(observed: dict[str, Any]) -> str:
    text = f"{observed['stdout']}\n{json.dumps([observed['output'], observed['failure']])}"
    for row in VERSIONS:
        text = re.sub(row.pattern, row.common, text, flags=re.MULTILINE)
    return text


def _first_lines(here: str, there: str) -> tuple[str, str]:
    """The first line in which they differ."""
    a, b = here.split("\n"), there.split("\n")
    for one, other in zip(a, b, strict=False):
        if one != other:
            return one, other
    return (a[len(b) :] or ["(ends)"])[0], (b[len(a) :] or ["(ends)"])[0]
