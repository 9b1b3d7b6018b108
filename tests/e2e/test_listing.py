"""AlgorithmService: what the mesh can compute."""

from __future__ import annotations

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2
from edgemesh.executor.v1 import executor_pb2
from support import rpc
from support.rpc import Peer

from edgemesh_local.mesh import Mesh


async def test_lists_what_the_executors_describe(mesh: Mesh, gateway: Peer) -> None:
    expected: dict[tuple[str, str], tuple[str, algorithm_pb2.Algorithm]] = {}
    for name in mesh.executors:
        async with rpc.connect(mesh.address(name)) as peer:
            said = await peer.executor.Describe(executor_pb2.DescribeRequest(), timeout=10)
        expected |= {(a.name, a.version): (name, a) for a in said.algorithms}
    request = algorithm_pb2.ListAlgorithmsRequest()
    listed = (await gateway.algorithms.ListAlgorithms(request, timeout=10)).algorithms
    assert {
        (o.algorithm.name, o.algorithm.version): (o.executor, o.algorithm) for o in listed
    } == expected
    names = [offered.algorithm.name for offered in listed]
    assert names == sorted(names)
    assert {o.algorithm.name for o in listed if o.default_version} == set(names)


@pytest.mark.needs("cpp")
async def test_lists_one_namespace(gateway: Peer) -> None:
    request = algorithm_pb2.ListAlgorithmsRequest(namespace="cpp")
    listed = (await gateway.algorithms.ListAlgorithms(request, timeout=10)).algorithms
    names = {offered.algorithm.name for offered in listed}
    assert {"cpp.fft", "cpp.ifft", "cpp.matmul"} <= names
    assert all(name.startswith("cpp.") for name in names)


@pytest.mark.needs("cpp")
async def test_gets_one_algorithm(gateway: Peer) -> None:
    request = algorithm_pb2.GetAlgorithmRequest(name="cpp.fft")
    offered = (await gateway.algorithms.GetAlgorithm(request, timeout=10)).algorithm
    assert offered.algorithm.name == "cpp.fft"
    assert offered.executor == "cpp"
    (x,) = offered.algorithm.inputs
    assert x.name == "x"
    assert x.required


@pytest.mark.needs("cpp")
async def test_names_the_nearest_of_one_that_is_not_there(gateway: Peer) -> None:
    request = algorithm_pb2.GetAlgorithmRequest(name="cpp.ftt")
    found = await rpc.refused(gateway.algorithms.GetAlgorithm(request, timeout=10))
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "UNKNOWN_ALGORITHM")
    assert "cpp.fft" in found.metadata["nearest"].split(",")
