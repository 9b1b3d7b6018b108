"""Bytes that a guest could have written, changed at random, given to what reads them on the host.

Rules: each target makes valid bytes, then mutates them by a generator with a seed, so that what is
wrong can be had again; reading either succeeds or refuses in the one way that is meant for it. Any
other exception is wrong, and so is a result that is larger than it may be.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from edgemesh.compute.v1 import compute_pb2, tensor_pb2

from edgemesh_sandbox import Limits, Outcome, Result
from edgemesh_sandbox.answer import Answer, BadAnswer
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.guest import layout
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.memory import GuestMemory, OutOfBounds
from edgemesh_sandbox.output import Output
from edgemesh_sandbox.tensor import Tensor
from edgemesh_sandbox.verdict import judge
from mesh_service.errors import InvalidParameter
from mesh_service.executor.respond import Identity, Printed, respond
from mesh_service.executor.validate import Valid
from mesh_service.executor.worker import REFUSAL, RESPONSE
from mesh_service.pool import Done, Verdict

_MEMORY_BYTES = 1 << 16
_RESULT_AT = 4096
_OUTPUT_BYTES = 1000
_ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**32, 2**63, -(2**63), 10**30, 1.5, 1e308, "", "x", "\0",
    "\ud800", "ok", "exit", "exception", "uint8", "bytes", "object", "$type", [], {}, [[]], [0, 0],
    [4096, 2**32], {"$type": "ndarray", "tensor": "x"}, {"$type": "bytes", "tensor": "y"},
    {"$type": "tuple", "value": [1]}, {"$type": "decimal", "value": "1e999999999"},
    {"$type": "datetime", "value": "9999-99-99"}, {"$type": []}, {"$type": "complex", "value": 3},
]  # fmt: skip


class Memory:
    """A guest's memory that is only bytes."""

    def __init__(self, result: bytes) -> None:
        self._bytes = bytearray(range(256)) * (_MEMORY_BYTES // 256)
        self._bytes[_RESULT_AT : _RESULT_AT + len(result)] = result

    def view(self, address: int, length: int) -> memoryview:
        """As `GuestMemory` has it."""
        if address < 0 or length < 0 or address + length > _MEMORY_BYTES:
            raise OutOfBounds(f"{length} bytes at {address}")
        return memoryview(self._bytes)[address : address + length]


@dataclass(frozen=True)
class Target:
    """Something that reads."""

    name: str
    read: Callable[[random.Random], None]
    """Makes bytes, mutates them, reads them; raises Refused if they are refused as they should."""


class Refused(Exception):
    """The bytes were refused in the way that is meant for it."""


@dataclass
class Tally:
    """What became of many mutations."""

    read: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)


def attack(target: Target, count: int, seed: int) -> Tally:
    """Mutate and read so often."""
    tally = Tally()
    for number in range(count):
        source = random.Random(f"{target.name} {seed} {number}")
        try:
            target.read(source)
            tally.read += 1
        except Refused:
            tally.refused += 1
        except BaseException as error:
            tally.wrong.append(f"number {number} of seed {seed}: {type(error).__name__}: {error}")
    return tally


def _scramble(source: random.Random, data: bytes) -> bytes:
    """Change, cut, double or insert some bytes."""
    changed = bytearray(data)
    for _ in range(source.choice((0, 1, 1, 2, 4, 16))):
        at = source.randrange(len(changed) + 1)
        match source.randrange(5):
            case 0 if at < len(changed):
                changed[at] = source.randrange(256)
            case 1:
                changed[at:at] = source.randbytes(source.randrange(8))
            case 2:
                del changed[at : at + source.randrange(1, 16)]
            case 3:
                changed[at:at] = changed[at : at + source.randrange(1, 64)]
            case _:
                changed[at:at] = source.choice(
                    (b"[", b"{", b'"', b"9" * 50, b"-", b"\\ud8", b"\xff")
                )
    return bytes(changed)


def _twist(source: random.Random, value: Any, chance: float = 0.1) -> Any:
    """Put odd values in the place of some, and forget or double others."""
    if source.random() < chance:
        return source.choice(_ODD)
    if isinstance(value, dict):
        items = cast(dict[str, Any], value).items()
        kept = {k: _twist(source, v, chance) for k, v in items if source.random() > chance / 4}
        if source.random() < chance:
            kept[source.choice(("memory", "keys", "notes", "$type", "value", "0"))] = source.choice(
                _ODD
            )
        return kept
    if isinstance(value, list):
        items = [_twist(source, v, chance) for v in cast(list[Any], value)]
        return items * source.choice((1, 1, 1, 1, 2, 40)) if source.random() < chance else items
    return value


def _result(source: random.Random) -> bytes:
    value = {
        "a": [1, 2.5, "text", None, True],
        "t": {"$type": "tuple", "value": [1, {"$type": "set", "value": [1, 2]}]},
        "d": {"$type": "datetime", "value": "2026-01-02T03:04:05+01:00"},
        "n": {"$type": "ndarray", "tensor": "x"},
        "b": {"$type": "bytes", "tensor": "y"},
        "c": {"$type": "complex", "value": [1.0, "nan"]},
        "e": {"$type": "decimal", "value": "1.50"},
    }
    return _scramble(source, json.dumps(_twist(source, value, 0.05)).encode())


def _answer(source: random.Random, result: bytes, *, wild: bool) -> bytes:
    tensors = [
        {"name": "x", "dtype": "int16", "shape": [2], "media_type": "", "address": 8, "nbytes": 4},
        {"name": "y", "dtype": "bytes", "shape": [3], "media_type": "", "address": 9, "nbytes": 3},
    ]
    failure = {
        "outcome": "exception", "type": "ValueError", "message": "no", "traceback": "in main.py",
        "memory": False, "notes": ["a note"],
        "exceptions": [{"type": "E", "message": "m", "exceptions": [{"type": "F", "message": ""}]}],
    }  # fmt: skip
    ok = {"outcome": "ok", "tensors": tensors, "result": [_RESULT_AT, len(result)], "keys": ["x"]}
    kinds: list[Any] = [ok, ok, failure, {"outcome": "exit", "exit_code": 3}]
    text = json.dumps(_twist(source, source.choice(kinds))).encode()
    return _scramble(source, text) if wild else text


def _read_answer(source: random.Random, *, wild: bool) -> None:
    result = _result(source)
    memory = cast(GuestMemory, Memory(result))
    text = _answer(source, result, wild=wild)
    try:
        answer = Answer(memoryview(text))
    except BadAnswer:
        raise Refused from None
    reads: dict[str, Callable[[], object]] = {
        "outcome": lambda: answer.outcome,
        "exit": lambda: answer.exit_code,
        "memory": lambda: answer.out_of_memory,
        "keys": lambda: answer.keys,
        "exception": answer.failure,
        "result": lambda: answer.result(memory, _MEMORY_BYTES),
        "tensors": lambda: answer.tensors(memory, lambda n: memoryview(bytearray(n))),
    }
    found: dict[str, object] = {}
    for name, read in reads.items():
        with contextlib.suppress(BadAnswer, OutOfBounds):
            found[name] = read()
    needed = {"ok": {"keys", "result", "tensors"}}.get(str(found.get("outcome")))
    if not (needed or {"outcome", str(found.get("outcome"))}) <= found.keys():
        raise Refused


def _read_verdict(source: random.Random) -> None:
    result = _result(source)
    output = Output(memoryview(bytearray(layout.BLOCK_BYTES)), _OUTPUT_BYTES, None)
    text = _answer(source, result, wild=source.random() < 0.3)
    instance = SimpleNamespace(
        run=lambda *_: memoryview(text),
        memory=Memory(result),
        output=output,
        watch=SimpleNamespace(error=None, stopped=None),
        world=SimpleNamespace(exit_status=None, outputs=dict),
        added_bytes=lambda: 0,
        fuel_used=0,
        allowed=1 << 30,
    )
    verdict: Result = judge(
        cast(Instance, instance), Frame("", {}, ""), Limits(output_bytes=_OUTPUT_BYTES),
        time.monotonic() + 1, None, None, lambda n: memoryview(bytearray(n)),
    )  # fmt: skip
    _check(verdict)
    if verdict.failure is not None and verdict.failure.type == "BadAnswer":
        raise Refused


def _check(verdict: Result) -> None:
    assert isinstance(verdict.outcome, Outcome)
    assert (verdict.failure is None) == (verdict.outcome is Outcome.OK)
    assert all(isinstance(tensor, Tensor) for tensor in verdict.outputs.values())
    assert sum(memoryview(t.data).nbytes for t in verdict.outputs.values()) <= 1024 * _MEMORY_BYTES


def _read_log(source: random.Random) -> None:
    block = bytearray(layout.BLOCK_BYTES)
    told: list[str] = []
    output = Output(memoryview(block), _OUTPUT_BYTES, lambda _, text: told.append(text))
    for _ in range(source.randrange(1, 6)):
        _write_log(source, block)
        match source.randrange(4):
            case 0:
                output.empty_log()
            case 1:
                output.write(source.randrange(2), source.randbytes(source.randrange(50)))
            case 2:
                output.count(source.randrange(20))
            case _:
                output.take_log()
    output.close()
    texts = [output.text(layout.STDOUT), output.text(layout.STDERR)]
    assert sum(len(text) for text in texts) <= _OUTPUT_BYTES
    assert sorted("".join(told)) == sorted("".join(texts))
    assert output.room >= 0
    if output.exceeded:
        raise Refused


def _write_log(source: random.Random, block: bytearray) -> None:
    """Records as the guest writes them, then some words of any value."""
    at = int.from_bytes(block[4:8], "little") if source.random() < 0.7 else 0
    for _ in range(source.randrange(8)):
        size = source.randrange(60)
        begin = layout.HEADER_BYTES + at
        if begin + size + 8 > layout.BLOCK_BYTES:
            break
        block[begin : begin + 4] = (size << 1 | source.randrange(2)).to_bytes(4, "little")
        block[begin + 4 : begin + 4 + size] = source.randbytes(size)
        at += 4 + (size + 3 & ~3)
    block[4:8] = at.to_bytes(4, "little")
    for _ in range(source.choice((0, 0, 1, 3))):
        place = 4 * source.choice((1, 1, 4, source.randrange(200)))
        value = source.choice((0, 1, 3, 2**31, 2**32 - 1, source.randrange(70_000)))
        block[place : place + 4] = value.to_bytes(4, "little")


def _read_reply(source: random.Random) -> None:
    """What a worker that was taken over sends in the place of a reply, at the executor's front."""
    response = compute_pb2.ComputeResponse(
        outcome=cast(compute_pb2.Outcome.ValueType, source.choice((1, 1, 1, 2, 9, 0, -1, 11))),
        stdout="x" * source.randrange(20),
        result='{"a":1}',
    )
    if source.random() < (0.1 if response.outcome == compute_pb2.OUTCOME_OK else 0.8):
        response.failure.type = "ValueError"
    for name in source.sample("xyz", source.randrange(3)):
        tensor = response.outputs[name]
        tensor.dtype = cast(tensor_pb2.DataType.ValueType, source.choice((0, 2, 2, 15, 99)))
        tensor.shape.extend(source.choice(((4,), (4,), (2, 2), (-1,), (2**62, 4), (3,))))
    kind = source.choice((RESPONSE, RESPONSE, RESPONSE, REFUSAL, b"\x07", b""))
    bodies = (response.SerializeToString(), b'{"inputs.x": "no"}', b"[" * 100_000, b"[1]")
    body = bodies[0] if kind == RESPONSE else source.choice(bodies)
    header = kind + (_scramble(source, body) if source.random() < 0.5 else body)
    buffers = (memoryview(b"abcd"),) * (len(response.outputs) if source.random() < 0.9 else 1)
    done = Done(verdict=Verdict.DONE, header=header, buffers=buffers)
    request = compute_pb2.ComputeRequest(request_id="r", algorithm="python.run@1")
    valid = cast(Valid, SimpleNamespace(request=request))
    try:
        answer = respond(valid, done, Printed(), Identity("pywasm", "1"), time.perf_counter())
    except InvalidParameter:
        raise Refused from None
    assert answer.outcome in compute_pb2.Outcome.values()
    assert answer.outcome != compute_pb2.OUTCOME_UNSPECIFIED
    assert (answer.outcome == compute_pb2.OUTCOME_OK) != answer.HasField("failure")
    assert (answer.request_id, answer.usage.executor) == ("r", "pywasm")
    assert len(answer.outputs) in (0, len(buffers))
    if answer.failure.type == "WorkerCrashed":
        raise Refused


TARGETS = (
    Target("an answer's bytes", lambda source: _read_answer(source, wild=True)),
    Target("an answer's fields", lambda source: _read_answer(source, wild=False)),
    Target("a run's verdict, values and all", _read_verdict),
    Target("the log of what is printed", _read_log),
    Target("a worker's reply", _read_reply),
)
