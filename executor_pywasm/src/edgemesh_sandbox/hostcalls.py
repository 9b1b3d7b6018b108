"""What a running guest can ask of its host: WASI, and `host.call`.

An empty call empties the log; any other is for the tools (see `guest/doorway.py`).

Rules: those of `wasi/calls.py`.
"""

from __future__ import annotations

from typing import Protocol

from edgemesh_sandbox.tools import ToolCalls
from edgemesh_sandbox.wasi import PREVIEW1, Functions, Running


class Program(Running, Protocol):
    """What is known of a program's run."""

    tools: ToolCalls


def _host_call(run: Program, data: int, size: int, reply: int, reply_size: int) -> int:
    errno = 0
    if size:
        errno = run.tools.request(run, data, size)
    else:
        run.output.empty_log()
    run.watch.should_stop()
    run.memory.write(reply, bytes(4))
    run.memory.write(reply_size, bytes(4))
    return errno


FUNCTIONS: Functions = {**PREVIEW1, ("host", "call"): _host_call}
