"""A session: Python that goes on from call to call, is forked, and taken back.

python session.py [HOST:PORT]
"""

from __future__ import annotations

import json
import sys

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, session_pb2, session_pb2_grpc

PATIENCE_S = 60.0
NAME, FORK = "example", "example-fork"


def main(address: str) -> int:
    """Go on, fork, take back, delete; gives the exit status."""
    with grpc.insecure_channel(address) as channel:
        compute = compute_pb2_grpc.ComputeServiceStub(channel)
        sessions = session_pb2_grpc.SessionServiceStub(channel)

        def run(session: str, code: str) -> object:
            request = compute_pb2.ComputeRequest(
                algorithm="python.run", session_id=session, parameters=json.dumps({"code": code})
            )
            return json.loads(compute.Compute(request, timeout=PATIENCE_S).result or "null")

        run(NAME, "def squares():\n    n = 0\n    while True:\n        yield n * n\n        n += 1")
        run(NAME, "running = squares()")
        print([run(NAME, "next(running)") for _ in range(3)])
        fork = session_pb2.ForkSessionRequest(session_id=NAME, fork_id=FORK)
        sessions.ForkSession(fork, timeout=PATIENCE_S)
        print(run(FORK, "[next(running) for _ in range(3)]"))
        undo = session_pb2.UndoSessionRequest(session_id=NAME, calls=2)
        sessions.UndoSession(undo, timeout=PATIENCE_S)
        print(run(NAME, "next(running)"))
        for name in (NAME, FORK):
            gone = session_pb2.DeleteSessionRequest(session_id=name)
            sessions.DeleteSession(gone, timeout=PATIENCE_S)
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
