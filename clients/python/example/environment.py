"""Packages of pure Python, imported once; calls, a map and a session begin with them.

python environment.py [HOST:PORT]
"""

from __future__ import annotations

import json
import sys

import grpc
from edgemesh.compute.v1 import (
    compute_pb2,
    compute_pb2_grpc,
    environment_pb2,
    environment_pb2_grpc,
    session_pb2,
    session_pb2_grpc,
)

PATIENCE_S = 120.0
DEPENDENCIES = ["humanize==4.*"]
SESSION = "example-environment"


def main(address: str) -> int:
    """Make it, use it, take it away again; gives the exit status."""
    with grpc.insecure_channel(address) as channel:
        environments = environment_pb2_grpc.EnvironmentServiceStub(channel)
        compute = compute_pb2_grpc.ComputeServiceStub(channel)
        made = None
        wanted = environment_pb2.CreateEnvironmentRequest(dependencies=DEPENDENCIES)
        for event in environments.CreateEnvironment(wanted, timeout=PATIENCE_S):
            if event.WhichOneof("event") == "environment":
                made = event.environment
        assert made is not None
        print("packages:", ", ".join(package.name for package in made.packages))

        def run(algorithm: str, session: str = "", **parameters: object) -> object:
            request = compute_pb2.ComputeRequest(
                algorithm=algorithm, session_id=session, parameters=json.dumps(parameters)
            )
            return json.loads(compute.Compute(request, timeout=PATIENCE_S).result or "null")

        size = "import humanize\ndef size(n): return humanize.naturalsize(n)"
        print(run("python.call", code=size, function="size", args=[10**9], environment=made.id))
        items = [10**n for n in (3, 6)]
        told = run("python.map", code=size, function="size", items=items, environment=made.id)
        print(json.dumps(told))
        run("python.run", SESSION, code=size, environment=made.id)
        print(run("python.run", SESSION, code="size(10**12)"))  # the session has it with it
        sessions = session_pb2_grpc.SessionServiceStub(channel)
        gone = session_pb2.DeleteSessionRequest(session_id=SESSION)
        sessions.DeleteSession(gone, timeout=PATIENCE_S)
        deleted = environment_pb2.DeleteEnvironmentRequest(id=made.id)
        environments.DeleteEnvironment(deleted, timeout=PATIENCE_S)
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
