"""This interpreter, as a process that runs programs one after the other.

Rules: run as a file of its own by the same interpreter, isolated (`-I`), so that it has the
standard library and nothing else; a program that does not end ends the process.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import subprocess
import sys
from types import ModuleType, TracebackType
from typing import Any

_PROGRAM_S = 10
_MEMORY_BYTES = 2 << 30


def observe(code: str) -> dict[str, Any]:
    """Run `code` as `__main__` would be: what it printed, its `output`, what it raised."""
    stdout = io.StringIO(newline="\n")
    main = ModuleType("__main__")
    sys.modules["__main__"] = main
    failure = None
    with contextlib.redirect_stdout(stdout):
        try:
            exec(compile(code, "main.py", "exec", dont_inherit=True), main.__dict__)
        except BaseException as error:  # also GeneratorExit
            failure = [type(error).__name__, str(error)]
    text = stdout.getvalue().encode("utf-8", "backslashreplace").decode()
    return {"stdout": text, "output": main.__dict__.get("output"), "failure": failure}


class NativeDied(Exception):
    """The program is not one to make: it took this interpreter's process with it."""


class Native:
    """A process of this interpreter."""

    def __init__(self, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # tasks of asyncio that nobody waited for
            text=True,
        )

    def observe(self, code: str) -> dict[str, Any]:
        """What `code` does there."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(code) + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise NativeDied(code)
        return json.loads(answer)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Native:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _spent_s() -> int:
    return int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2])) + 1


def _serve() -> None:
    answers = sys.stdout
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    for line in sys.stdin:
        resource.setrlimit(resource.RLIMIT_CPU, (_spent_s() + _PROGRAM_S, resource.RLIM_INFINITY))
        answers.write(json.dumps(observe(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve()
