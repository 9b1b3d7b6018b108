"""Sends one hostile module, and says all that is wrong with what comes of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import wasmtime
from attack import Outcome
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from executor import MIB, Executor
from hostile.case import Case
from hostile_modules import ModuleCase

_HONEST = bytes(
    wasmtime.wat2wasm(
        '(module (func (export "add") (param i32 i32) (result i32) '
        "local.get 0 local.get 1 i32.add))"
    )
)
_FOLLOWERS = 3


class Attacker:
    """A tenant with hostile modules, and another one who is honest."""

    def __init__(self, executor: Executor) -> None:
        self._attacker = executor.caller("attacker")
        self._other = executor.caller("other")

    def attack(self, case: ModuleCase) -> Outcome:
        """Run it, then honest calls on every worker."""
        asked = request(case.data, case.parameters, run_time_ms=case.run_time_ms)
        began = time.monotonic()
        wrong: list[str] = []
        outcome, killed = "", False
        try:
            response = self._attacker.send(asked)
            outcome, killed = _name(response), response.failure.signal != 0
            said = f"{response.failure}"
            if outcome not in case.outcomes:
                wrong.append(f"{outcome}, not {case.outcomes or 'refused'}: {said[:500]}")
            elif case.says not in said and outcome not in ("OK", "TIMEOUT"):
                wrong.append(f"its failure does not say {case.says!r}: {said[:500]}")
        except grpc.RpcError as error:
            outcome = "refused"
            code, details = error.code(), f"{error.details()} {error.trailing_metadata()}"
            if case.outcomes or code is not grpc.StatusCode.INVALID_ARGUMENT:
                wrong.append(f"{code} {details[:500]}")
            elif case.says not in details:
                wrong.append(f"it does not say {case.says!r}: {details[:500]}")
        ended = time.monotonic()
        wrong += self._afterwards()
        late_ms = max(0.0, (ended - began) * 1e3 - case.run_time_ms)
        told = Case(group="modules", name=case.name, code="", outcomes=case.outcomes)
        spent_ms = (ended - began) * 1e3
        return Outcome(told, outcome, killed, spent_ms, late_ms, 0, 0.0, tuple(wrong))

    def finds_only_its_own(self) -> list[str]:
        """What is wrong with naming modules by their hash."""
        digest = hashlib.sha256(_HONEST).hexdigest()
        by_hash = {"function": "add", "args": [2, 3], "sha256": digest}
        wrong: list[str] = []
        self._other.send(request(_HONEST, {"function": "add", "args": [2, 3]}))
        if self._other.send(request(None, by_hash)).result != "5":
            wrong.append("its own module is not found")
        stranger = by_hash | {"sha256": hashlib.sha256(b"never sent").hexdigest()}
        for caller, parameters in ((self._other, stranger), (self._attacker, by_hash)):
            try:
                caller.send(request(None, parameters))
                wrong.append("a module that it has not sent is found")
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    wrong.append(f"{error.code()}")
        return wrong

    def close(self) -> None:
        """Hang up."""
        self._attacker.close()
        self._other.close()

    def _afterwards(self) -> Iterator[str]:
        for n in range(_FOLLOWERS):
            parameters = {"function": "add", "args": [n, 1 << 20]}
            try:
                response = self._other.send(request(_HONEST, parameters))
            except grpc.RpcError as error:
                yield f"the next caller: {error}"
                continue
            if _name(response) != "OK" or json.loads(response.result) != n + (1 << 20):
                yield f"the next caller's: {_name(response)} {response.failure} {response.result}"


def request(
    module: bytes | None, parameters: dict[str, Any], *, run_time_ms: int = 10_000
) -> compute_pb2.ComputeRequest:
    """A `wasm.run`."""
    made = compute_pb2.ComputeRequest(
        algorithm="wasm.run",
        parameters=json.dumps(parameters),
        limits=compute_pb2.Limits(
            run_time_ms=run_time_ms, memory_bytes=112 * MIB, output_bytes=8 << 10
        ),
    )
    if module is not None:
        made.inputs["module"].CopyFrom(
            tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[len(module)], data=module)
        )
    return made


def _name(response: compute_pb2.ComputeResponse) -> str:
    return compute_pb2.Outcome.Name(response.outcome).removeprefix("OUTCOME_")
