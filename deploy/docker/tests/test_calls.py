"""A call of each kind goes through the gateway, with a key and not without one."""

from __future__ import annotations

import json
import struct
import urllib.request

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from mesh import EXECUTORS, Mesh


@pytest.mark.skipif("cpp" not in EXECUTORS, reason="not asked for")
def test_native_code(mesh: Mesh) -> None:
    request = compute_pb2.ComputeRequest(algorithm="cpp.fft")
    request.inputs["x"].CopyFrom(
        tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=[4], data=struct.pack("<4d", 0, 1, 0, -1)
        )
    )
    with mesh.channel() as channel:
        response = mesh.call(channel, request)
    assert response.outcome == compute_pb2.OUTCOME_OK
    y = struct.unpack("<8d", response.outputs["y"].data)
    assert y == pytest.approx((0, 0, 0, -2, 0, 0, 0, 2), abs=1e-12)


@pytest.mark.skipif("ml" not in EXECUTORS, reason="not asked for")
def test_model(mesh: Mesh) -> None:
    request = compute_pb2.ComputeRequest(
        algorithm="ml.embed", parameters=json.dumps({"texts": ["a cat", "a kitten"]})
    )
    with mesh.channel() as channel:
        response = mesh.call(channel, request)
    assert response.outcome == compute_pb2.OUTCOME_OK
    assert list(response.outputs["embeddings"].shape) == [2, 384]


@pytest.mark.skipif("pywasm" not in EXECUTORS, reason="not asked for")
def test_program(mesh: Mesh) -> None:
    request = compute_pb2.ComputeRequest(
        algorithm="python.run",
        parameters=json.dumps({"code": "import numpy as np\nprint(np.arange(10).sum())"}),
    )
    with mesh.channel() as channel:
        response = mesh.call(channel, request)
    assert (response.outcome, response.stdout) == (compute_pb2.OUTCOME_OK, "45\n")


@pytest.mark.skipif(not {"cpp", "pywasm"} <= set(EXECUTORS), reason="not asked for")
def test_program_calls_native_code_back_through_the_gateway(mesh: Mesh) -> None:
    code = """
import edgemesh
import numpy as np
print(edgemesh.call("cpp.fft", x=np.array([0.0, 1.0, 0.0, -1.0])).outputs["y"][1])
"""
    request = compute_pb2.ComputeRequest(
        algorithm="python.run",
        parameters=json.dumps({"code": code}),
        capabilities=["call:cpp.*"],
    )
    with mesh.channel() as channel:
        response = mesh.call(channel, request)
    assert response.outcome == compute_pb2.OUTCOME_OK, response.failure
    assert complex(response.stdout.strip()) == pytest.approx(-2j)


@pytest.mark.skipif("pywasm" not in EXECUTORS, reason="not asked for")
def test_rest(mesh: Mesh) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{mesh.ports['REST']}/api/v1/python/run",
        data=json.dumps({"code": "print(2+2)"}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {mesh.key}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["stdout"] == "4\n"


def test_without_a_key_nothing_runs(mesh: Mesh) -> None:
    request = compute_pb2.ComputeRequest(algorithm="python.run", parameters='{"code": "1"}')
    with mesh.channel() as channel, pytest.raises(grpc.RpcError) as refused:
        mesh.call(channel, request, key="em_nobody")
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    status = rpc_status.from_call(refused.value)
    assert any(detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR) for detail in status.details)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors_demand_the_secret_of_the_gateway(mesh: Mesh, executor: str) -> None:
    port = {"cpp": 50061, "ml": 50062, "pywasm": 50063}[executor]
    code = f"""
import grpc
channel = grpc.insecure_channel("{executor}:{port}")
call = channel.unary_unary("/edgemesh.executor.v1.ExecutorService/Describe")
try:
    call(b"", timeout=5)
except grpc.RpcError as error:
    print(error.code().name)
"""
    assert mesh.inside("gateway", "python", "-c", code).strip() in (
        "UNAUTHENTICATED",
        "PERMISSION_DENIED",
    )
