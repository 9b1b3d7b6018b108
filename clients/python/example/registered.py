"""Registers a function, calls it, and takes it away again.

python registered.py [HOST:PORT]
"""

from __future__ import annotations

import json
import sys

import grpc
from edgemesh.compute.v1 import algorithm_pb2, algorithm_pb2_grpc, compute_pb2, compute_pb2_grpc

PATIENCE_S = 90.0
NAME = "python.primes"
CODE = """
SIEVE = bytearray([1]) * 1_000_000
SIEVE[:2] = b"\\0\\0"
for n in range(2, 1000):
    if SIEVE[n]:
        SIEVE[n * n :: n] = bytes(len(range(n * n, len(SIEVE), n)))

def primes(below: int, most: int = 5) -> list[int]:
    "The largest primes below a number."
    found = [n for n in range(below - 1, 1, -1) if SIEVE[n]]
    return found[:most]
"""


def main(address: str) -> int:
    """Register, call, delete; gives the exit status."""
    with grpc.insecure_channel(address) as channel:
        algorithms = algorithm_pb2_grpc.AlgorithmServiceStub(channel)
        compute = compute_pb2_grpc.ComputeServiceStub(channel)
        request = algorithm_pb2.RegisterAlgorithmRequest(name=NAME, code=CODE)
        made = algorithms.RegisterAlgorithm(request, timeout=PATIENCE_S).algorithm.algorithm
        required = json.loads(made.parameters_schema)["required"]
        print(f"{made.name}@{made.version}: {made.description} Required: {', '.join(required)}")
        response = compute.Compute(
            compute_pb2.ComputeRequest(algorithm=NAME, parameters='{"below": 1000}'),
            timeout=PATIENCE_S,
        )
        print(response.result)
        deleted = algorithms.DeleteAlgorithm(
            algorithm_pb2.DeleteAlgorithmRequest(name=NAME), timeout=PATIENCE_S
        ).deleted
        print(f"deleted: {', '.join(deleted)}")
        return response.outcome != compute_pb2.OUTCOME_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
