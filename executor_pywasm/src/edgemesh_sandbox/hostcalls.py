"""What a running guest can ask of its host: WASI, and `host.call`, which empties the log.

Rules: those of `wasi/calls.py`.
"""

from __future__ import annotations

from edgemesh_sandbox.wasi import PREVIEW1, Functions, Running


def _host_call(run: Running, _data: int, _size: int, reply: int, reply_size: int) -> int:
    run.output.empty_log()
    run.watch.should_stop()
    run.memory.write(reply, bytes(4))
    run.memory.write(reply_size, bytes(4))
    return 0


FUNCTIONS: Functions = {**PREVIEW1, ("host", "call"): _host_call}
