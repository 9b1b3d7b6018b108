"""The Open Inference Protocol over a fake executor: what tensors and parameters become."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2, tensor_pb2
from edgemesh.executor.v1 import executor_pb2
from edgemesh.inference import open_inference_grpc_pb2 as pb
from edgemesh.inference import open_inference_grpc_pb2_grpc as pb_grpc
from fake_executor import Context, FakeExecutor
from house import PATIENCE_S, House, house, http, refused

from edgemesh_gateway.inference import datatypes

SCHEMA: dict[str, Any] = {
    "properties": {
        "text": {"type": "string"},
        "texts": {"type": "array", "items": {"type": "string"}},
        "axes": {"type": "array", "items": {"type": "integer"}},
        "n": {"type": "integer"},
        "norm": {"enum": ["a", "b"]},
        "do": {"type": "string"},
    },
    "required": ["texts"],
}


class Remembers(FakeExecutor):
    """Gives its inputs back, and remembers parameters."""

    def __init__(self) -> None:
        super().__init__(algorithms=("fake.echo", "fake.closed"))
        self.asked: dict[str, Any] = {}

    def description(self) -> executor_pb2.DescribeResponse:
        found = super().description()
        for algorithm in found.algorithms:
            algorithm.parameters_schema = json.dumps(SCHEMA)
            algorithm.any_inputs = algorithm.name == "fake.echo"
            complex_only = [tensor_pb2.DATA_TYPE_COMPLEX64]
            spec = algorithm_pb2.TensorSpec(name="z", dtypes=complex_only, shape=[-1])
            algorithm.inputs.append(spec)
        return found

    async def _run(
        self, request: compute_pb2.ComputeRequest, context: Context
    ) -> compute_pb2.ComputeResponse:
        self.asked = json.loads(request.parameters or "{}")
        response = await super()._run(request, context)
        if self.asked.get("do") == "crash":
            response.outcome = compute_pb2.OUTCOME_CRASH
        return response


@pytest.fixture
async def executor() -> AsyncIterator[Remembers]:
    started = Remembers()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def gate(executor: Remembers) -> AsyncIterator[House]:
    async with house({"fake": executor.port}, rest_port=0) as running:
        yield running


@pytest.fixture
def stub(gate: House) -> Any:
    return pb_grpc.GRPCInferenceServiceStub(gate.channel)


def given(name: str, datatype: str, shape: list[int], **contents: Any) -> Any:
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if contents:
        tensor.contents.CopyFrom(pb.InferTensorContents(**contents))
    return tensor


def infer(*inputs: Any, model: str = "fake.echo", **fields: Any) -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name=model, inputs=inputs, **fields)


TYPED: list[tuple[str, dict[str, Any], bytes]] = [
    ("BOOL", {"bool_contents": [True, False]}, b"\x01\x00"),
    ("INT8", {"int_contents": [-1, 1]}, b"\xff\x01"),
    ("INT16", {"int_contents": [-1, 1]}, struct.pack("<2h", -1, 1)),
    ("INT32", {"int_contents": [-1, 1]}, struct.pack("<2i", -1, 1)),
    ("INT64", {"int64_contents": [-1, 1]}, struct.pack("<2q", -1, 1)),
    ("UINT8", {"uint_contents": [255, 1]}, b"\xff\x01"),
    ("UINT16", {"uint_contents": [1, 2]}, struct.pack("<2H", 1, 2)),
    ("UINT32", {"uint_contents": [1, 2]}, struct.pack("<2I", 1, 2)),
    ("UINT64", {"uint64_contents": [1, 2]}, struct.pack("<2Q", 1, 2)),
    ("FP32", {"fp32_contents": [0.5, 2]}, struct.pack("<2f", 0.5, 2)),
    ("FP64", {"fp64_contents": [0.5, 2]}, struct.pack("<2d", 0.5, 2)),
]


@pytest.mark.parametrize(("datatype", "contents", "raw"), TYPED, ids=lambda each: str(each)[:8])
async def test_typed_contents_come_back_raw(
    stub: Any, datatype: str, contents: dict[str, Any], raw: bytes
) -> None:
    asked = infer(given("x", datatype, [2], **contents), id="an id of any kind")
    answer = await stub.ModelInfer(asked, timeout=PATIENCE_S)
    assert answer.id == "an id of any kind"
    first = answer.outputs[0]
    assert (first.name, first.datatype, list(first.shape)) == ("x", datatype, [2])
    assert answer.raw_output_contents[0] == raw
    assert answer.outputs[1].name == "result"


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
async def test_halves_are_raw_both_ways(stub: Any, datatype: str) -> None:
    asked = infer(given("x", datatype, [2]), raw_input_contents=[b"\x00\x3c\x00\x40"])
    answer = await stub.ModelInfer(asked, timeout=PATIENCE_S)
    assert answer.outputs[0].datatype == datatype
    assert answer.raw_output_contents[0] == b"\x00\x3c\x00\x40"


async def test_bytes_and_complex_numbers(stub: Any) -> None:
    pairs = struct.pack("<4f", 1, 2, 3, 4)
    asked = infer(
        given("z", "FP32", [2, 2]),
        given("blob", "BYTES", [1]),
        raw_input_contents=[pairs, datatypes.pack([b"opaque"])],
        outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name=n) for n in ("z", "blob")],
    )
    answer = await stub.ModelInfer(asked, timeout=PATIENCE_S)
    assert [list(each.shape) for each in answer.outputs] == [[2, 2], [1]]
    assert list(answer.raw_output_contents) == [pairs, datatypes.pack([b"opaque"])]


async def test_what_is_no_input_is_a_parameter(stub: Any, executor: Remembers) -> None:
    text, number = pb.InferParameter(string_param="[0, 1]"), pb.InferParameter(int64_param=7)
    asked = infer(
        given("text", "BYTES", [1, 1], bytes_contents=[b"[no JSON"]),
        given("texts", "BYTES", [2], bytes_contents=[b"a", "é".encode()]),
        given("n", "INT32", [1], int_contents=[3]),
        parameters={"axes": text, "norm": pb.InferParameter(string_param="a"), "other": number},
    )
    await stub.ModelInfer(asked, timeout=PATIENCE_S)
    assert executor.asked == {
        "axes": [0, 1],
        "norm": "a",
        "other": 7,
        "text": "[no JSON",
        "texts": ["a", "é"],
        "n": 3,
    }
    nested = infer(given("axes", "INT64", [2, 2], int64_contents=[1, 2, 3, 4]))
    await stub.ModelInfer(nested, timeout=PATIENCE_S)
    assert executor.asked == {"axes": [[1, 2], [3, 4]]}
    as_json = infer(given("axes", "BYTES", [1], bytes_contents=[b"[5]"]))
    await stub.ModelInfer(as_json, timeout=PATIENCE_S)
    assert executor.asked == {"axes": [5]}


SHARED = {"shared_memory_region": pb.InferParameter(string_param="r")}
WRONG: list[tuple[Any, str]] = [
    (infer(given("x", "FP7", [1])), "inputs.x.datatype"),
    (infer(given("x", "INT8", [1], int_contents=[300])), "inputs.x"),
    (infer(given("x", "INT8", [1], fp32_contents=[1])), "inputs.x"),
    (infer(given("x", "FP16", [1], fp32_contents=[1])), "inputs.x"),
    (infer(given("x", "INT8", [3], int_contents=[1])), "inputs.x.data"),
    (infer(given("x", "INT8", [-1], int_contents=[1])), "inputs.x.shape"),
    (infer(given("x", "INT8", [1]), raw_input_contents=[b"1", b"2"]), "raw_input_contents"),
    (infer(given("x", "BYTES", [2], bytes_contents=[b"a", b"b"])), "inputs.x"),
    (infer(given("x", "BYTES", [1]), raw_input_contents=[b"\x09\0\0\0a"]), "inputs.x"),
    (infer(given("n", "INT8", [2], int_contents=[1, 2])), "inputs.n"),
    (infer(given("axes", "BYTES", [1], bytes_contents=[b"["])), "inputs.axes"),
    (infer(given("text", "BYTES", [1], bytes_contents=[b"\xff"])), "inputs.text"),
    (infer(given("x", "INT8", [0]), model="fake.closed"), "inputs.x"),
    (infer(given("z", "FP32", [3], fp32_contents=[1, 2, 3])), "inputs.z.shape"),
    (
        infer(outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="y")]),
        "outputs.y",
    ),
    (
        infer(pb.ModelInferRequest.InferInputTensor(name="x", datatype="INT8", parameters=SHARED)),
        "inputs.x.shared_memory_region",
    ),
]


@pytest.mark.parametrize(("asked", "field"), WRONG, ids=lambda each: str(each)[:24])
async def test_what_is_wrong_is_named(stub: Any, asked: Any, field: str) -> None:
    refusal = await refused(stub.ModelInfer(asked, timeout=PATIENCE_S))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refusal.violations) == [field]


async def test_work_that_failed_is_an_error(stub: Any) -> None:
    crash = infer(parameters={"do": pb.InferParameter(string_param="crash")})
    refusal = await refused(stub.ModelInfer(crash, timeout=PATIENCE_S))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNKNOWN, "WORK_FAILED")
    assert refusal.metadata["outcome"] == "CRASH"


async def test_a_stream_goes_on_after_an_error(stub: Any) -> None:
    asked = [infer(model="fake.ekho", id="1"), infer(id="2"), infer(id="3")]
    answers = [each async for each in stub.ModelStreamInfer(iter(asked), timeout=PATIENCE_S)]
    assert [each.infer_response.id for each in answers] == ["1", "2", "3"]
    assert "fake.ekho" in answers[0].error_message
    assert [each.error_message for each in answers[1:]] == ["", ""]


async def test_metadata_tells_of_texts_and_results(stub: Any) -> None:
    asked = pb.ModelMetadataRequest(name="fake.echo")
    found = await stub.ModelMetadata(asked, timeout=PATIENCE_S)
    told = {each.name: (each.datatype, list(each.shape)) for each in found.inputs}
    assert told == {"z": ("FP32", [-1, 2]), "texts": ("BYTES", [-1])}
    missing = pb.ModelMetadataRequest(name="fake.echo", version="9")
    refusal = await refused(stub.ModelMetadata(missing, timeout=PATIENCE_S))
    assert refusal.code is grpc.StatusCode.NOT_FOUND


async def test_http_has_json_and_bytes(gate: House, executor: Remembers) -> None:
    url = "/v2/models/fake.echo/infer"
    body = {
        "id": "i",
        "parameters": {"n": 4, "axes": [1]},
        "inputs": [
            {"name": "x", "datatype": "FP32", "shape": [2, 1], "data": [[1.5], [2]]},
            {"name": "texts", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]},
            {
                "name": "y",
                "datatype": "INT8",
                "shape": [3],
                "parameters": {"binary_data_size": 3},
            },
        ],
        "outputs": [{"name": "x"}, {"name": "y", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(body).encode()
    async with http(gate.mesh) as web:
        length = {"Inference-Header-Content-Length": str(len(head))}
        answer = await web.post(url, content=head + b"\x01\x02\x03", headers=length)
        cut = await web.post(url, content=head + b"\x01", headers=length)
        none = await web.post("/v2/models/fake.ekho/infer", json={})
        packed = await web.post(url, json={}, headers={"Content-Encoding": "gzip"})
        loading = await web.post("/v2/repository/models/fake.echo/load", json={})
    assert executor.asked == {"n": 4, "axes": [1], "texts": ["a", "b"]}
    at = int(answer.headers["inference-header-content-length"])
    told = json.loads(answer.content[:at])
    assert (told["id"], told["model_name"]) == ("i", "fake.echo")
    assert told["outputs"][0] == {
        "name": "x",
        "datatype": "FP32",
        "shape": [2, 1],
        "data": [1.5, 2.0],
    }
    assert told["outputs"][1]["parameters"] == {"binary_data_size": 3}
    assert answer.content[at:] == b"\x01\x02\x03"
    assert (cut.status_code, none.status_code) == (400, 404)
    assert "inputs.y.binary_data_size" in cut.json()["error"]
    assert none.json().keys() == {"error"}
    assert (packed.status_code, loading.status_code) == (415, 501)
