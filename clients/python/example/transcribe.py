"""Sends a sound file and prints what is said in it, segment by segment as it is heard.

    python transcribe.py FILE [HOST:PORT] [PARAMETERS]

PARAMETERS is JSON, e.g. '{"language": "en"}'; ListAlgorithms says which there are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 300.0


def main(file: str, address: str = "127.0.0.1:50051", parameters: str = "{}") -> int:
    """Transcribe one file; gives the exit status."""
    request = compute_pb2.ComputeRequest(algorithm="ml.transcribe", parameters=parameters)
    request.inputs["audio"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=Path(file).read_bytes())
    )
    with grpc.insecure_channel(address) as channel:
        compute = compute_pb2_grpc.ComputeServiceStub(channel)
        rest = ""
        for event in compute.ComputeStream(request, timeout=PATIENCE_S):
            match event.WhichOneof("event"):
                case "output":
                    # A line of JSON for each segment; an event may hold several, or a part.
                    *lines, rest = (rest + event.output.text).split("\n")
                    for segment in map(json.loads, lines):
                        times = f"{segment['start']:.2f} --> {segment['end']:.2f}"
                        print(f"{times} {segment['text']}", flush=True)
                case "response":
                    return ended(event.response)
                case _:
                    pass
    return 1


def ended(response: compute_pb2.ComputeResponse) -> int:
    """Print how it ended; what was heard until then is in the result all the same."""
    if response.outcome != compute_pb2.OUTCOME_OK:
        outcome = compute_pb2.Outcome.Name(response.outcome)
        print(f"{outcome}: {response.failure.message}", file=sys.stderr)
        return 1
    result = json.loads(response.result)
    print(f"{result['duration_s']} s of {result['language']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
