"""Loads C++ plugins of edgemesh and runs their algorithms.

A plugin is a shared object that keeps the rules of `edgemesh_plugin.h`. Loading one runs its code
in this process: do so in a worker that may crash.
"""

from collections.abc import Callable, Mapping
from os import PathLike
from types import TracebackType
from typing import Final, Protocol, Self, final

from typing_extensions import Buffer

ABI_VERSION: Final[int]
"""The version of the plugin interface that this host speaks."""

DTYPES: Final[dict[str, int]]
"""Element types by name ("float32"); the numbers are those of edgemesh.compute.v1.DataType."""

class PluginError(Exception):
    """What goes wrong with a plugin."""

class PluginLoadError(PluginError):
    """The plugin cannot be loaded."""

    path: str
    reason: str
    """missing_file, not_elf, torn, dlopen, missing_symbol, wrong_abi, open, describe, self_test."""

class PluginInvalidInput(PluginError):
    """The algorithm refused an input or a parameter."""

    fields: dict[str, str]
    """What was expected, by the field's path ("parameters.axes[1]", "inputs.b")."""

class PluginFailure(PluginError):
    """The algorithm failed, or threw."""

    type: str
    message: str

class PluginCancelled(PluginError):
    """The algorithm saw that it was cancelled, and stopped."""

class PluginRuleBroken(PluginError):
    """The plugin broke a rule of edgemesh_plugin.h: its author's fault."""

class TensorLike(Protocol):
    """An input. May have a `media_type: str`."""

    @property
    def dtype(self) -> int:
        """A value of DTYPES."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths."""

    @property
    def data(self) -> Buffer:
        """The elements, contiguous, C order, little-endian: read in place if they are aligned."""

@final
class CancelFlag:
    """Set by any thread, polled by native code without the GIL."""

    def __init__(self) -> None: ...
    def set(self) -> None:
        """Cancels."""

    def is_set(self) -> bool:
        """Whether it was set."""

@final
class Output:
    """A tensor that an algorithm gave."""

    @property
    def dtype(self) -> int:
        """A value of DTYPES."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths."""

    @property
    def data(self) -> memoryview:
        """The memory that `allocate` gave; an empty memoryview if there are no elements."""

    @property
    def media_type(self) -> str:
        """What the bytes are, e.g. "image/png"; may be empty."""

@final
class Run:
    """What came of a run."""

    @property
    def result(self) -> str | None:
        """JSON text, not checked."""

    @property
    def outputs(self) -> dict[str, Output]:
        """By name."""

@final
class Plugin:
    """A loaded plugin. Several threads may run it at once.

    Its code stays in the process after close().
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """Loads it. Raises PluginLoadError."""

    @property
    def path(self) -> str:
        """Where it was loaded from."""

    @property
    def spoiled(self) -> str:
        """What of the process a run has changed and left so ("the locale"); empty: nothing."""

    def describe(self) -> str:
        """JSON text: see the end of edgemesh_plugin.h. Its content is not checked."""

    def self_test(self) -> None:
        """Lets it look whether it works here, if it can: PluginLoadError, in its own words."""

    def run(
        self,
        algorithm: str,
        parameters: str,
        inputs: Mapping[str, TensorLike],
        allocate: Callable[[int], Buffer],
        *,
        version: str = "",
        cancelled: CancelFlag | Callable[[], bool] | None = None,
        progress: Callable[[float, str], None] | None = None,
        print: Callable[[str, str], None] | None = None,
        place: Callable[[str, int], Buffer | None] | None = None,
        threads: int = 1,
        memory_bytes: int = 0,
        run_time_s: float = 0.0,
    ) -> Run:
        """Runs one algorithm, without the GIL.

        parameters: a JSON object as text. allocate(nbytes): writable memory of exactly that many
        bytes, 16-byte aligned, for an output; place(name, nbytes): the same where one output shall
        lie elsewhere, or None. They are called with the GIL, as are progress(fraction,
        message) and print("stdout" or "stderr", text). A callable `cancelled` is asked every 5 ms
        at most while the plugin polls; a CancelFlag costs nothing. threads: how many the algorithm
        may compute with. memory_bytes, run_time_s: what it may use, for its information; 0: not
        stated.

        Raises PluginInvalidInput, PluginFailure, PluginCancelled, PluginRuleBroken; ValueError
        (closed, bytes that do not fit the shape), BufferError (memory that is not contiguous or
        not writable), and whatever the callables raise.
        """

    def close(self) -> None:
        """Frees what the plugin holds. RuntimeError while calls are running."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
