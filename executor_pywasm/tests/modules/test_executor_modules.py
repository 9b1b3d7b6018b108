"""The executor's side: requests to runs and back, what is described, what the front keeps."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from jsonschema import Draft202012Validator
from modules_text import ADD, WASI, module

from edgemesh_executor_pywasm import module_describe
from edgemesh_executor_pywasm.module_store import ModuleStore
from edgemesh_executor_pywasm.modules import Modules
from edgemesh_executor_pywasm.runner import PyWasmRunner
from edgemesh_sandbox.built import Built
from mesh_service import errors
from mesh_service.executor import Call, InvalidInput, Reply, TensorView
from mesh_service.executor.validate import Valid

MIB = 1 << 20
_ADDED = {"function": "add", "args": [2, 3]}


class Pool:
    """The pool's side of a call, in this process."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + 60
        self.cancelled = threading.Event()
        self.events: list[compute_pb2.ComputeEvent] = []

    def emit(self, event: bytes) -> None:
        self.events.append(compute_pb2.ComputeEvent.FromString(event))

    def allocate(self, nbytes: int) -> memoryview:
        return memoryview(bytearray(nbytes))


@pytest.fixture(scope="module")
def modules() -> Iterator[Modules]:
    from edgemesh_executor_pywasm.runner import _reply  # pyright: ignore[reportPrivateUsage]

    modules = Modules({}, _reply)
    yield modules
    modules.close()


def call(content: bytes | None, parameters: dict[str, Any], **files: bytes) -> Call:
    inputs = {name: _tensor(each) for name, each in files.items()}
    if content is not None:
        inputs["module"] = _tensor(content)
    request = compute_pb2.ComputeRequest(
        algorithm="wasm.run@1",
        parameters=json.dumps(parameters),
        limits=compute_pb2.Limits(
            run_time_ms=60_000, memory_bytes=128 * MIB, output_bytes=1000, files_bytes=1000
        ),
    )
    return Call(Pool(), request, parameters, inputs, streaming=False)


def _tensor(data: bytes) -> TensorView:
    return TensorView(tensor_pb2.DATA_TYPE_BYTES, (len(data),), memoryview(data))


def test_numbers_cross_by_their_tags(modules: Modules) -> None:
    text = '(func (export "f") (param f64 v128) (result f64 v128) local.get 0 local.get 1)'
    tagged = [{"$type": "float", "value": "nan"}, {"$type": "bytes", "value": "AA" * 10 + "AA=="}]
    reply = modules.run(call(module(text), {"function": "f", "args": tagged}))
    assert (reply.outcome, reply.result) == (compute_pb2.OUTCOME_OK, tagged)


def test_inputs_are_files(modules: Modules) -> None:
    text = f"""
        (import "{WASI}" "path_filestat_get"
            (func $stat (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "inputs/data")
        (func (export "f") (result i64)
            (drop (call $stat (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 11)
                (i32.const 64)))
            (i64.load (i32.const 96)))"""
    assert modules.run(call(module(text), {"function": "f"}, data=b"12345")).result == 5


@pytest.mark.parametrize(
    ("data", "parameters", "field"),
    [
        (b"", {}, "inputs.module"),
        (module(ADD), {"function": "add", "args": [1]}, "parameters.args"),
        (module(ADD), {"function": "x"}, "parameters.function"),
        (module(ADD), _ADDED | {"argv": ["\0"]}, "parameters.argv[0]"),
        (module(ADD), _ADDED | {"env": {"a=b": ""}}, "parameters.env"),
        (None, _ADDED, "inputs.module"),
    ],
)
def test_what_is_wrong_is_told_by_its_field(
    modules: Modules, data: bytes | None, parameters: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as found:
        modules.run(call(data, parameters))
    assert field in found.value.violations


def test_they_are_described_with_valid_schemas(built: Built) -> None:
    program = {"code": "1", "inputs": {}, "stdin": "", "deterministic": True}
    right = {
        "wasm.run": {**_ADDED, "host_functions": ["env.log"], "sha256": "0" * 64, "argv": ["a"]},
        "js.run": program,
        "ruby.run": program,
    }
    made = [
        module_describe.run_algorithm(),
        *map(module_describe.language_algorithm, ("js.run", "ruby.run")),
    ]
    for algorithm in made:
        validator: Any = Draft202012Validator(json.loads(algorithm.parameters_schema))
        Draft202012Validator.check_schema(json.loads(algorithm.result_schema))
        good = right[algorithm.name]
        assert validator.is_valid(good)
        for wrong in ({"x": 1}, {"stdin": 1}, {"sha256": "0"}, {"code": 1}, {"inputs": []}):
            assert not validator.is_valid(good | wrong)


def _valid(parameters: dict[str, Any], data: bytes | None = None) -> Valid:
    request = compute_pb2.ComputeRequest(parameters=json.dumps(parameters))
    blobs: dict[str, memoryview] = {}
    if data is not None:
        request.inputs["module"].dtype = tensor_pb2.DATA_TYPE_BYTES
        blobs["module"] = memoryview(data)
    return Valid(request, blobs, algorithm_pb2.Algorithm(), 0.1, 1 << 20)


async def test_a_module_is_kept_for_its_tenant_and_the_oldest_goes_first() -> None:
    store = ModuleStore(100)
    digests: list[str] = []
    for n in range(3):
        data = bytes([n]) * 40
        valid = _valid({}, data)
        await store.complete(valid, "a")
        digests.append(hashlib.sha256(data).hexdigest())
        told = json.loads(valid.request.parameters)
        assert told == {"sha256": digests[-1], "tenant": "a"}
    named = _valid({"sha256": digests[2], "function": "f"})
    await store.complete(named, "a")
    assert bytes(named.blobs["module"]) == b"\2" * 40
    assert named.request.inputs["module"].shape == [40]
    for tenant, digest in (("b", digests[2]), ("a", digests[0]), ("a", "0" * 64)):
        with pytest.raises(errors.InvalidParameter):
            await store.complete(_valid({"sha256": digest}), tenant)
    with pytest.raises(errors.InvalidTensor):
        await store.complete(_valid({}), "a")
    with pytest.raises(errors.InvalidParameter):  # it brings another one than it names
        await store.complete(_valid({"sha256": digests[0]}, b"x"), "a")


def test_a_worker_offers_them_beside_python(built: Built, images: Any) -> None:
    runner = PyWasmRunner({"images": str(images), "ready": True})
    try:
        names = {each.name for each in runner.describe()}
        assert {"python.run", "wasm.run"} <= names
        reply: Reply = runner.run(call(module(ADD), _ADDED))
        assert reply.result == 5
    finally:
        runner.close()
