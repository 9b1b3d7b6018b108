"""What all languages have in common: code, inputs and stdin in; a result, texts and an outcome out.

Rules: what a program's interpreter answers is a stranger's word: JSON of bounded size, or CRASH.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, cast

from edgemesh_sandbox.answer import ENVELOPE_BYTES, Allocate
from edgemesh_sandbox.built import default_images_dir
from edgemesh_sandbox.engine import STACK_BYTES
from edgemesh_sandbox.errors import ArtifactError, InputError
from edgemesh_sandbox.languages.program import TABLE_ELEMENTS, Program, Recipe
from edgemesh_sandbox.limits import Limits
from edgemesh_sandbox.memory import OutOfBounds
from edgemesh_sandbox.modules.run import ModuleRun
from edgemesh_sandbox.modules.verdict import carry_out
from edgemesh_sandbox.output import OnOutput
from edgemesh_sandbox.result import Failure, Outcome, Result
from edgemesh_sandbox.signals import PutOff
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.verdict import left, over
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.watch import Cancelled

DEFAULT_LIMITS = Limits()


class Language(ABC):
    """A source of fresh interpreters of one language."""

    recipe: ClassVar[Recipe]
    environment: ClassVar[tuple[bytes, ...]] = (b"HOME=/tmp", b"TMPDIR=/tmp")
    out_of_memory: ClassVar[frozenset[tuple[str, str]]] = frozenset()
    """Type and message of what it raises when it has no memory."""

    def __init__(self, images: Path | None = None, *, stack_bytes: int = STACK_BYTES) -> None:
        """Raises `ArtifactError` when set-up has not made it for this version and machine."""
        try:
            self._program = Program(images or default_images_dir(), self.recipe, stack_bytes)
        except ArtifactError as error:
            more = " --ruby" if self.recipe.name == "ruby" else ""
            hint = f"run `python -m edgemesh_sandbox.languages{more}`"
            raise ArtifactError(error.path, f"{error.reason}; {hint}") from None

    def run(
        self,
        code: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        stdin: str = "",
        files: Mapping[str, Buffer] | None = None,
        deterministic: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        allocate: Allocate | None = None,
    ) -> Result:
        """Run a program; `inputs` are JSON values. All else as for `Sandbox.run`."""
        if limits.fuel:
            raise InputError("limits.fuel", "0: it is counted for Python and modules only")
        began = time.monotonic()
        until = began + limits.run_time_ms / 1e3
        until = until if deadline is None else min(until, deadline)
        world = World(files, deterministic, limits.files_bytes)
        world.environment, world.arguments = self.environment, (self.recipe.name.encode(),)
        request = self.request(_text("code", code), _json(inputs or {}), _text("stdin", stdin))

        def invoke(run: ModuleRun, exports: Mapping[str, Any]) -> Result:
            try:
                answer = self.answer(run, exports, request)
            except OutOfBounds:
                return over(Outcome.MEMORY_LIMIT, limits)
            return self._told(run, answer, limits)

        def work() -> Result:
            with PutOff(cancelled) as stop:
                run = ModuleRun(
                    self._program, limits, until, stop, on_output, world, stdin.encode(),
                    ticker=self._program.ticker, table_elements=TABLE_ELEMENTS,
                )  # fmt: skip
                stack_bytes = self._program.stack_bytes
                return carry_out(run, invoke, limits, stack_bytes, allocate, began, began)

        return on_deep_stack(work)

    @abstractmethod
    def request(self, code: str, inputs: str, stdin: str) -> str:
        """What the interpreter is to evaluate, as far as the run does not matter."""

    @abstractmethod
    def answer(self, run: ModuleRun, exports: Mapping[str, Any], request: str) -> bytes:
        """What it says, at most ENVELOPE_BYTES and one. Raises `OutOfBounds` without memory."""

    def close(self) -> None:
        """Free everything; no run may be going on."""
        self._program.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def facts(self) -> Mapping[str, Any]:
        """What was found out when the interpreter was made."""
        return self._program.facts

    def _told(self, run: ModuleRun, answer: bytes, limits: Limits) -> Result:
        if len(answer) > ENVELOPE_BYTES:
            return over(Outcome.OUTPUT_LIMIT, limits)
        try:
            told = json.loads(answer, parse_constant=_no_constant)
            if "exit" in told:
                return left(int(told["exit"]))
            failure = told.get("failure")
            if failure is None:
                run.output.count(len(answer))
                return Result(Outcome.OK, result=told.get("result"))
            return self._failed(failure, limits)
        except (ValueError, RecursionError, KeyError, AttributeError, TypeError):
            failure = Failure("BadAnswer", "the interpreter answered nonsense")
            return Result(Outcome.CRASH, failure=failure)

    def _failed(self, told: dict[str, Any], limits: Limits) -> Result:
        kind, message = str(told["type"]), str(told["message"])
        trace = str(told.get("traceback", ""))
        if (kind, message) in self.out_of_memory:
            return over(Outcome.MEMORY_LIMIT, limits, trace)
        room = limits.output_bytes
        return Result(Outcome.EXCEPTION, failure=Failure(kind[:256], message[:room], trace[:room]))


def _text(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(field, "text without lone surrogates") from None
    return value


def _json(inputs: Mapping[str, Any]) -> str:
    try:
        return json.dumps(cast(dict[str, Any], inputs), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("inputs", f"no JSON value: {error}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
