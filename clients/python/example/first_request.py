"""A first request on the generated stubs: what is there, a Fourier transform, and a refusal.

    python first_request.py [HOST:PORT]

Prints the very lines that clients/go/example prints.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import grpc
import numpy as np
import numpy.typing as npt
from edgemesh.compute.v1 import (
    algorithm_pb2,
    algorithm_pb2_grpc,
    compute_pb2,
    compute_pb2_grpc,
    tensor_pb2,
)
from google.rpc import error_details_pb2
from grpc_status import rpc_status

PATIENCE_S = 10.0


def main(address: str) -> int:
    """Make three requests; gives the exit status."""
    with grpc.insecure_channel(address) as channel:
        try:
            list_algorithms(algorithm_pb2_grpc.AlgorithmServiceStub(channel))
            compute = compute_pb2_grpc.ComputeServiceStub(channel)
            transform(compute, np.array([0.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]))
            refused(compute)
        except grpc.RpcError as error:
            print("\n".join(explain(error)), file=sys.stderr)
            return 1
    return 0


def list_algorithms(algorithms: algorithm_pb2_grpc.AlgorithmServiceStub) -> None:
    """Print what the mesh can compute."""
    request = algorithm_pb2.ListAlgorithmsRequest()
    for offered in algorithms.ListAlgorithms(request, timeout=PATIENCE_S).algorithms:
        algorithm = offered.algorithm
        print(f"{algorithm.name}@{algorithm.version} by {offered.executor}")


def transform(compute: compute_pb2_grpc.ComputeServiceStub, x: npt.NDArray[np.float64]) -> None:
    """Print the spectrum of a real series."""
    request = compute_pb2.ComputeRequest(algorithm="cpp.fft")
    request.inputs["x"].CopyFrom(
        tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=x.shape, data=x.astype("<f8").tobytes()
        )
    )
    response = compute.Compute(request, timeout=PATIENCE_S)
    if response.outcome != compute_pb2.OUTCOME_OK:
        # The algorithm's own failure is a result, not an RPC error.
        outcome = compute_pb2.Outcome.Name(response.outcome)
        print(f"{outcome}: {response.failure.type}: {response.failure.message}")
        return
    y = response.outputs["y"]
    print(f"{response.algorithm}: {list(y.shape)}")
    for k, value in enumerate(np.frombuffer(y.data, "<c16")):
        print(f"{k:3d} {abs(value):12.6f}")


def refused(compute: compute_pb2_grpc.ComputeServiceStub) -> None:
    """Ask for something impossible and print why it was refused."""
    request = compute_pb2.ComputeRequest(algorithm="cpp.fft", parameters='{"norm": "loud"}')
    try:
        compute.Compute(request, timeout=PATIENCE_S)
    except grpc.RpcError as error:
        print("\n".join(explain(error)))


def explain(error: grpc.RpcError) -> Iterator[str]:
    """What an RPC's failure says: its code and, from the mesh, reason and fields."""
    assert isinstance(error, grpc.Call)
    yield f"{error.code().name}: {error.details()}"
    status = rpc_status.from_call(error)
    for detail in status.details if status is not None else ():
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            yield f"  reason {info.reason}"
        elif detail.Unpack(bad):
            for violation in bad.field_violations:
                yield f"  {violation.field}: {violation.description}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
