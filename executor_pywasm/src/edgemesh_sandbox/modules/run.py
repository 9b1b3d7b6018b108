"""One run of a module: a store of its own, in which nothing has run before.

Rules: limits, epochs and the watch are in place before anything of the module runs, its `start`
function included; what traps is for `verdict` to name.
"""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

import wasmtime
from wasmtime import _bindings as bindings  # the unchecked call is not in the public API

from edgemesh_sandbox import wasi
from edgemesh_sandbox.guest.layout import BLOCK_BYTES
from edgemesh_sandbox.limits import MOST_FUEL, Limits
from edgemesh_sandbox.memory import GuestMemory, OutOfBounds
from edgemesh_sandbox.modules import scalars
from edgemesh_sandbox.modules.interface import Signature
from edgemesh_sandbox.output import OnOutput, Output
from edgemesh_sandbox.ticker import Ticker
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.watch import Cancelled, EpochCallback, Watch

START = "_start"
_INITIALIZE = "_initialize"
_MEMORY = "memory"
_PAGE = 65536
_ALIGNMENT = 16
_MOST_TABLES = 16
NOTHING = Signature((), ())
"""The type of a function that takes and gives nothing."""
_NO_LOG = memoryview(bytes(BLOCK_BYTES))
"""What a module prints comes by its writes alone."""


class NoMemoryYet(GuestMemory):
    """Before there is a memory, and where none is exported as `memory`: every place is outside."""

    def __init__(self) -> None:
        self.base = self._known = 0

    def size(self) -> int:
        """0."""
        return 0

    def view(self, address: int, length: int) -> memoryview:
        """None."""
        raise OutOfBounds("the module exports no memory")


class MovingMemory(GuestMemory):
    """A memory that may move when it grows, as one with 64-bit addresses does."""

    def view(self, address: int, length: int) -> memoryview:
        """`length` bytes at `address`, until it grows."""
        self.base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        self._known = 0
        return super().view(address, length)


class Source(Protocol):
    """What a run is an instance of."""

    engine: wasmtime.Engine
    instances: int
    """How many instances a run is made of."""
    base_bytes: int
    """What its memory has before anything runs, and no limit counts."""

    def instantiate(self, store: wasmtime.Store) -> Mapping[str, Any]:
        """The exports of a new instance. Raises what Wasmtime raises."""
        ...


class ModuleRun:
    """The run of one call; `close` gives everything back."""

    def __init__(
        self,
        source: Source,
        limits: Limits,
        deadline: float,
        cancelled: Cancelled | None,
        on_output: OnOutput | None,
        world: World,
        stdin: bytes,
        *,
        ticker: Ticker,
        table_elements: int,
        metered: bool = False,
    ) -> None:
        self._source = source
        self._ticker = ticker
        self._metered = metered
        self._fuel = limits.fuel or MOST_FUEL
        self._free = self._free_end = 0
        self.store = store = wasmtime.Store(source.engine)
        self._epochs = EpochCallback(store)
        self.output = Output(_NO_LOG, limits.output_bytes, on_output)
        self.watch = Watch(deadline, cancelled, self.output, on_output is not None, limits.cpu_ms)
        self.world = world
        self.stdin = memoryview(stdin)
        self.aborted: str | None = None
        """What it said when it ended itself by `env.abort`."""
        self.memory: GuestMemory = NoMemoryYet()
        self._exported: wasmtime.Memory | None = None
        store.set_limits(
            memory_size=min(source.base_bytes + limits.memory_bytes, 1 << 32),
            table_elements=table_elements,
            instances=source.instances,
            tables=_MOST_TABLES,
            memories=1,
        )
        if metered:
            store.set_fuel(self._fuel)
        self._epochs.watch(self.watch)
        store.set_epoch_deadline(1)

    def instantiate(self) -> Mapping[str, Any]:
        """The exports, when the `start` function has run."""
        with _Entered(self), self._ticker:
            exports = self._source.instantiate(self.store)
        memory = exports.get(_MEMORY)
        if isinstance(memory, wasmtime.Memory):
            self._exported = memory
            wide = memory.type(self.store).is_64
            self.memory = (MovingMemory if wide else GuestMemory)(self.store, memory)
        return exports

    def call(
        self, exports: Mapping[str, Any], name: str, signature: Signature, args: Sequence[Any]
    ) -> Any:
        """Call a module's function; a library is initialised first."""
        if name != START and isinstance(exports.get(_INITIALIZE), wasmtime.Func):
            self.invoke(exports[_INITIALIZE], NOTHING, ())
        return None if name == _INITIALIZE else self.invoke(exports[name], signature, args)

    def invoke(self, function: wasmtime.Func, signature: Signature, args: Sequence[Any]) -> Any:
        """Call a function of this type; its results as `scalars.take` gives them."""
        slots = scalars.new_slots(signature)
        scalars.put(slots, signature.params, args, "args")
        inside = cast(Any, function)
        trap = ctypes.POINTER(bindings.wasm_trap_t)()
        with _Entered(self), self._ticker:
            error: Any = cast(Any, bindings).wasmtime_func_call_unchecked(
                cast(Any, self.store)._context(),
                ctypes.byref(inside._func),
                slots,
                len(slots),
                ctypes.byref(trap),
            )
        if error:
            raise cast(Any, wasmtime.WasmtimeError)._from_ptr(error)
        if trap:
            raise cast(Any, wasmtime.Trap)._from_ptr(trap)
        return scalars.take(slots, signature.results)

    @contextmanager
    def running(self) -> Generator[None]:
        """While what is called in it runs, the clock ticks and host functions find the run."""
        with _Entered(self), self._ticker:
            yield

    def allocate(self, nbytes: int) -> int:
        """Memory that grows behind the module's own, never given back; 0: there is none."""
        if self._exported is None or not nbytes:
            return 0
        size = -(-nbytes // _ALIGNMENT) * _ALIGNMENT
        if size > self._free_end - self._free:
            end = self.memory.size()
            if self._free_end != end:  # the module has grown it itself meanwhile
                self._free = end
            pages = -(-(self._free + size - end) // _PAGE)
            try:
                self._exported.grow(self.store, pages)
            except wasmtime.WasmtimeError:
                return 0
            self._free_end = end + pages * _PAGE
        address, self._free = self._free, self._free + size
        return address if address < 1 << 32 else 0

    def memory_bytes(self) -> int:
        """How large its memory is, beside what it had before anything ran."""
        return max(self.memory.size() - self._source.base_bytes, 0)

    def fuel_used(self) -> int:
        """Fuel used, where it is counted."""
        return self._fuel - self.store.get_fuel() if self._metered else 0

    def close(self) -> None:
        """Give everything back."""
        self._epochs.close()
        self.store.close()


class _Entered:
    """Ties the thread's host functions to the run."""

    __slots__ = ("_run",)

    def __init__(self, run: ModuleRun) -> None:
        self._run = run

    def __enter__(self) -> None:
        wasi.enter(self._run)

    def __exit__(self, *_: object) -> None:
        wasi.enter(None)
