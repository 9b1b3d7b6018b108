"""Sends a sound file and prints when somebody speaks in it.

    python find_speech.py FILE [HOST:PORT] [PARAMETERS]

PARAMETERS is JSON, e.g. '{"threshold": 0.7}'; ListAlgorithms says which there are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 300.0


def main(file: str, address: str = "127.0.0.1:50051", parameters: str = "{}") -> int:
    """Ask about one file; gives the exit status."""
    request = compute_pb2.ComputeRequest(algorithm="ml.vad", parameters=parameters)
    request.inputs["audio"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=Path(file).read_bytes())
    )
    with grpc.insecure_channel(address) as channel:
        try:
            stub = compute_pb2_grpc.ComputeServiceStub(channel)
            response = stub.Compute(request, timeout=PATIENCE_S)
        except grpc.RpcError as error:
            print(error.details(), file=sys.stderr)
            return 1
    if response.outcome != compute_pb2.OUTCOME_OK:
        print(response.failure.message, file=sys.stderr)
        return 1
    result = json.loads(response.result)
    for span in result["spans"]:
        print(f"{span['start']:.2f} --> {span['end']:.2f}")
    print(f"speech in {result['speech_s']:.2f} of {result['duration_s']:.2f} s")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
