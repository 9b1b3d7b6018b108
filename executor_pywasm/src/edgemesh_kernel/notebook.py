"""A notebook's session: its cells, one after another, and what the guest knows beside Python.

Rules: blocks, and knows nothing of Jupyter; `stop` may be called from any thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from edgemesh_sandbox import Limits, Outcome, Result, Sandbox

Bundle: TypeAlias = dict[str, Any]
"""A value by media type: text, or base64 of what is no text."""

_MODULE = "_edgemesh_notebook"
_SETUP = """
def _set_up(source):
    import sys, types
    module = sys.modules[{name!r}] = types.ModuleType({name!r})
    exec(compile(source, "<notebook>", "exec"), module.__dict__)
_set_up({source!r})
del _set_up
"""


class Notebook:
    """One session, and how its cells talk to their reader."""

    def __init__(
        self,
        *,
        ask: Callable[[str, bool], str | None],
        show: Callable[[Bundle], None],
        limits: Limits,
        images: Path | None = None,
    ) -> None:
        """`ask(prompt, secret)`: the reader's answer, or None. `show`: a value to be shown now.

        Both are called on threads of their own. Raises `ArtifactError` unless set-up has been run.
        """
        self._limits = limits
        self._cancelled = threading.Event()
        tools = {"ask": ask, "display": show}
        self._sandbox = Sandbox(images, tools=tools)
        self._session = self._sandbox.session(limits=limits)
        self._set_up()

    def run(
        self, code: str, file: str, on_output: Callable[[str, str], None] | None = None
    ) -> Result:
        """Run one cell; `file` is what its lines are called in tracebacks."""
        self._cancelled.clear()
        return self._session.run(
            code, limits=self._limits, cancelled=self._cancelled, on_output=on_output, file=file
        )

    def asked(self, function: str, *arguments: object) -> Any:
        """What a function of the guest's notebook module says; None where it fails."""
        given = ", ".join(map(repr, arguments))
        code = f"__import__({_MODULE!r}).{function}({given})"
        limits = Limits(run_time_ms=2_000, memory_bytes=self._limits.memory_bytes)
        result = self._session.run(code, limits=limits, cancelled=self._cancelled, file="<asked>")
        return result.result if result.outcome is Outcome.OK else None

    def stop(self) -> None:
        """Stop the cell that runs."""
        self._cancelled.set()

    def reset(self) -> None:
        """Begin anew."""
        self._session.reset()
        self._set_up()

    def undo(self, count: int) -> None:
        """Be as before the last `count` cells. Raises `SessionError` for more than are kept."""
        self._session.undo(count)

    def names(self) -> Mapping[str, str]:
        """The session's variables: their types, with shapes where they have such."""
        found: dict[str, str] = {}
        for each in self._session.inspect().variables:
            shape = f" {each.shape}" if each.shape is not None else ""
            if not each.name.startswith("_"):
                found[each.name] = f"{each.type}{shape}"
        return found

    def close(self) -> None:
        """End it; what it has is gone."""
        self._session.close()
        self._sandbox.close()

    def _set_up(self) -> None:
        source = resources.files("edgemesh_kernel.guest").joinpath("notebook.py")
        code = _SETUP.format(name=_MODULE, source=source.read_text(encoding="utf-8"))
        result = self._session.run(code, file="<set-up>")
        if result.outcome is not Outcome.OK:
            raise RuntimeError(f"the notebook's session does not start: {result.failure}")
