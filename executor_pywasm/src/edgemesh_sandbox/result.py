"""What came of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.values import python


class Outcome(Enum):
    """How a run ended. Everything but OK has a `Failure`."""

    OK = "ok"
    """To its end, or by `sys.exit(0)`."""
    EXCEPTION = "exception"
    """It raised, or its `output` cannot be given back."""
    EXIT = "exit"
    """It ended itself with a status other than 0, or at once with `os._exit`."""
    TIMEOUT = "timeout"
    """It ran longer than `run_time_ms`."""
    CPU_LIMIT = "cpu_limit"
    """It used more than `cpu_ms` or `fuel`."""
    MEMORY_LIMIT = "memory_limit"
    """It wanted more than `memory_bytes`."""
    OUTPUT_LIMIT = "output_limit"
    """It wrote more than `output_bytes`; what fits is kept."""
    CALL_LIMIT = "call_limit"
    """It called tools more often than `calls` says."""
    CRASH = "crash"
    """Its interpreter died (an abort, a stack overflow) or answered nonsense."""
    CANCELLED = "cancelled"
    """The caller asked to stop."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run did not end well."""

    type: str
    """The exception's type (`ValueError`, `numpy.linalg.LinAlgError`), or what happened
    (`TimeLimit`, `CpuLimit`, `FuelLimit`, `MemoryLimit`, `OutputLimit`, `StackOverflow`, `Exit`,
    …)."""
    message: str
    traceback: str = ""
    """The user's own frames; empty where no exception was raised."""
    exit_code: int = 0
    limit: tuple[str, int] | None = None
    """Which field of `Limits` was passed, and its value."""
    notes: tuple[str, ...] = ()
    """What the program added to its exception with `add_note`."""
    exceptions: tuple[Failure, ...] = ()
    """The members of an exception group, without tracebacks of their own."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run; stdout and stderr hold what was written, however it ended."""

    outcome: Outcome
    stdout: str = ""
    stderr: str = ""
    result: Any = None
    """The program's `output` but for what is in `outputs` by itself; None when that is all."""
    outputs: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])
    """Its arrays, bytes and figures by name; `output` for one that stands alone."""
    failure: Failure | None = None
    peak_memory_bytes: int = 0
    """Memory that the program added to the image's, inputs included; whole pages of 64 KiB."""
    fuel: int = 0
    """Fuel used, where it was counted."""
    run_s: float = 0.0
    """Wall-clock time in the sandbox, in seconds."""
    stages: Mapping[str, int] = field(default_factory=dict[str, int])
    """Where it went, in microseconds: `instance` (until one was ready), `inputs` (until they were
    there), `run`, and `outputs` (until they were out)."""
    kept: bool | None = None
    """In a session: whether it has what the call did; if not, it is as it was before."""
    keys: tuple[str, ...] | None = None
    """Which outputs are of the value's own: a dict's, by its keys; (): `output` is the value."""

    @property
    def value(self) -> Any:
        """The whole of the program's `output` (or of its last expression), as a Python value.

        Arrays are NumPy's where the embedder has it, over the outputs' memory.
        """
        if self.keys is None:
            return self.result
        if not self.keys:
            return python(self.outputs["output"])
        rest: dict[Any, Any] = self.result or {}
        return rest | {key: python(self.outputs[key]) for key in self.keys}

    @property
    def ok(self) -> bool:
        """Whether the outcome is OK."""
        return self.outcome is Outcome.OK
