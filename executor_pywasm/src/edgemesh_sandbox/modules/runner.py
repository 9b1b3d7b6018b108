"""Runs WebAssembly that nobody trusts, each call in an instance of its own.

    runner = ModuleRunner()
    runner.run(data, ModuleCall("add", [2, 3])).result                  # 5
    runner.run(data, ModuleCall(argv=["x"], stdin=b"…")).stdout         # `_start`

Rules: compiled once, kept by tenant and hash (`compiled`); what it may import is looked at before
anything of it runs (`imports`); limits and outcomes are those of Python programs. A module's own
failure is an outcome; `InputError` is for what is wrong with the call: the bytes, the imports, the
function, the arguments.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wasmtime import Engine

from edgemesh_sandbox.answer import Allocate
from edgemesh_sandbox.engine import STACK_BYTES
from edgemesh_sandbox.errors import InputError
from edgemesh_sandbox.interpreter import TABLE_ELEMENTS
from edgemesh_sandbox.limits import MIB, Limits
from edgemesh_sandbox.modules.compiled import (
    Cache,
    Compiled,
    digest_of,
    is_component,
    read_interface,
)
from edgemesh_sandbox.modules.component import Component
from edgemesh_sandbox.modules.features import Features, new_module_engine
from edgemesh_sandbox.modules.imports import HOST_FUNCTIONS, check_imports
from edgemesh_sandbox.modules.interface import Interface, Signature
from edgemesh_sandbox.modules.run import START, ModuleRun
from edgemesh_sandbox.modules.scalars import KINDS, new_slots, put
from edgemesh_sandbox.modules.verdict import Invoke, carry_out
from edgemesh_sandbox.output import OnOutput
from edgemesh_sandbox.result import Outcome, Result
from edgemesh_sandbox.signals import PutOff
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.ticker import Ticker
from edgemesh_sandbox.verdict import over
from edgemesh_sandbox.wasi import World
from edgemesh_sandbox.wasi.nodes import Buffer
from edgemesh_sandbox.watch import Cancelled

DEFAULT_LIMITS = Limits()
MOST_MODULE_BYTES = 32 * MIB
CACHE_BYTES = 256 * MIB
_MOST_NAMED = 20
_MOST_TEXT_BYTES = MIB


@dataclass(frozen=True, slots=True)
class ModuleCall:
    """What to call, with what."""

    function: str = START
    """The name of an exported function; `_start` is a program's."""
    args: Sequence[Any] = ()
    """Its arguments, see `scalars`."""
    argv: Sequence[str] = ()
    """Behind the program's own name, which is `module`."""
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    host_functions: Sequence[str] = ()
    """Of `HOST_FUNCTIONS`, what it may import."""


class _Kind:
    """An engine with what is compiled for it."""

    def __init__(self, engine: Engine, cache_bytes: int) -> None:
        self.engine = engine
        self.cache = Cache(cache_bytes)
        self.ticker = Ticker(engine)


class ModuleRunner:
    """A source of fresh instances. Safe to use from several threads."""

    def __init__(
        self,
        *,
        features: Features = Features(),  # noqa: B008 - it is immutable
        metered: bool = False,
        stack_bytes: int = STACK_BYTES,
        table_elements: int = TABLE_ELEMENTS,
        module_bytes: int = MOST_MODULE_BYTES,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        """`metered`: runs may be limited by `fuel`; a module is then compiled once more for those.

        `module_bytes`: the largest module taken. `cache_bytes`: what compiled ones may take
        together. Starts no thread before the first run.
        """
        self._stack_bytes, self._table_elements = stack_bytes, table_elements
        self._module_bytes = module_bytes
        self._plain = _Kind(new_module_engine(features, stack_bytes=stack_bytes), cache_bytes)
        self._metered: _Kind | None = None
        if metered:
            engine = new_module_engine(features, metered=True, stack_bytes=stack_bytes)
            self._metered = _Kind(engine, cache_bytes)

    def run(
        self,
        module: Buffer,
        call: ModuleCall = ModuleCall(),
        *,
        digest: str = "",
        tenant: str = "",
        files: Mapping[str, Buffer] | None = None,
        deterministic: bool = False,
        limits: Limits = DEFAULT_LIMITS,
        deadline: float | None = None,
        cancelled: Cancelled | None = None,
        on_output: OnOutput | None = None,
        allocate: Allocate | None = None,
    ) -> Result:
        """Run one call. The time it takes to compile is the call's; it cannot be interrupted.

        `digest`: the module's SHA-256 where it is known. `tenant`: who else may find what was
        compiled. All else as for `Sandbox.run`. Raises `InputError`.
        """
        began = time.monotonic()
        kind = self._kind(limits)
        until = began + limits.run_time_ms / 1e3
        until = until if deadline is None else min(until, deadline)
        world = _world(call, files, deterministic, limits)
        source, invoke = self._source(kind, module, call, digest, tenant)
        taken = time.monotonic()
        if taken >= until:
            stages = {"compile": int((taken - began) * 1e6)}
            ended = over(Outcome.TIMEOUT, limits)
            return Result(ended.outcome, failure=ended.failure, run_s=taken - began, stages=stages)

        def work() -> Result:
            with PutOff(cancelled) as stop:
                run = ModuleRun(
                    source, limits, until, stop, on_output, world, call.stdin,
                    ticker=kind.ticker, table_elements=self._table_elements,
                    metered=kind is self._metered,
                )  # fmt: skip
                return carry_out(run, invoke, limits, self._stack_bytes, allocate, began, taken)

        return on_deep_stack(work)

    def close(self) -> None:
        """Free everything; no run may be going on."""
        for kind in (self._plain, self._metered):
            if kind is not None:
                kind.ticker.close()
                kind.cache.clear()

    def __enter__(self) -> ModuleRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _kind(self, limits: Limits) -> _Kind:
        kind = self._metered if limits.fuel else self._plain
        if kind is None:
            raise InputError("limits.fuel", "0: this runner was made without `metered`")
        return kind

    def _source(
        self, kind: _Kind, module: Buffer, call: ModuleCall, digest: str, tenant: str
    ) -> tuple[Compiled | Component, Invoke]:
        """What runs and how it is called, when all that can be wrong with it was looked at."""
        nbytes = memoryview(module).nbytes
        if nbytes > self._module_bytes:
            raise InputError("module", f"at most {self._module_bytes} bytes, not {nbytes}")
        digest = digest or digest_of(module)
        found = kind.cache.find(tenant, digest)
        if found is None and is_component(module):
            found = kind.cache.keep(tenant, digest, Component(kind.engine, bytes(module)))
        if isinstance(found, Component):
            return found, _component_call(found, call)
        interface = found.interface if found else read_interface(bytes(module))
        check_imports(interface.imports, call.host_functions)
        invoke = _module_call(_signature(interface, call), call)
        if found is None:
            found = Compiled(kind.engine, bytes(module), interface)
            kind.cache.keep(tenant, digest, found)
        return found, invoke


def _module_call(signature: Signature, call: ModuleCall) -> Invoke:
    def invoke(run: ModuleRun, exports: Mapping[str, Any]) -> Result:
        return Result(Outcome.OK, result=run.call(exports, call.function, signature, call.args))

    return invoke


def _component_call(component: Component, call: ModuleCall) -> Invoke:
    inner = component.invoke(call.function, call.args)

    def invoke(run: ModuleRun, exports: Mapping[str, Any]) -> Result:
        with run.running():
            return inner(run.store, exports)

    return invoke


def _world(
    call: ModuleCall, files: Mapping[str, Buffer] | None, deterministic: bool, limits: Limits
) -> World:
    world = World(files, deterministic, limits.files_bytes)
    argv = [_text(f"argv[{at}]", each) for at, each in enumerate(call.argv)]
    world.arguments = (b"module", *argv)
    pairs = ((_text("env", name), _text(f"env.{name}", value)) for name, value in call.env.items())
    world.environment = tuple(_pair(name, value) for name, value in pairs)
    if sum(map(len, world.arguments + world.environment)) > _MOST_TEXT_BYTES:
        raise InputError("argv", f"at most {_MOST_TEXT_BYTES} bytes, with the environment")
    for at, name in enumerate(call.host_functions):
        if name not in HOST_FUNCTIONS:
            raise InputError(f"host_functions[{at}]", f"one of {', '.join(HOST_FUNCTIONS)}")
    return world


def _text(place: str, value: str) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise InputError(place, "text without lone surrogates") from None
    if b"\0" in data:
        raise InputError(place, "text without NUL")
    return data


def _pair(name: bytes, value: bytes) -> bytes:
    if not name or b"=" in name:
        raise InputError("env", "names of variables, not empty and without =")
    return name + b"=" + value


def _signature(interface: Interface, call: ModuleCall) -> Signature:
    """The type of the function to be called, which its arguments fit. Raises `InputError`."""
    exports = interface.exports
    signature = exports.get(call.function)
    if signature is None:
        functions = [name[:64] for name, each in exports.items() if each is not None]
        known = ", ".join(functions[:_MOST_NAMED]) or "none"
        why = "an export that is no function" if call.function in exports else "no such export"
        raise InputError("function", f"{why}; functions: {known}")
    for each in (*signature.params, *signature.results):
        if each not in KINDS:
            raise InputError("function", f"one whose values are {', '.join(KINDS)}, not {each}")
    if call.function == START and (signature.params or signature.results):
        raise InputError("function", "a _start that takes and gives nothing")
    put(new_slots(signature), signature.params, call.args, "args")
    return signature
