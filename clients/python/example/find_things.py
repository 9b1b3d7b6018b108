"""Finds things in a picture, and writes it with their boxes drawn in.

python find_things.py PICTURE [HOST:PORT]

The executor ml serves a detector once one lies in its models folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 60.0


def main(picture: Path, address: str) -> int:
    """Ask, print, write; gives the exit status."""
    data = picture.read_bytes()
    request = compute_pb2.ComputeRequest(
        algorithm="ml.detect", parameters='{"annotate": true, "max_detections": 5}'
    )
    request.inputs["image"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[len(data)], data=data)
    )
    with grpc.insecure_channel(address) as channel:
        try:
            response = compute_pb2_grpc.ComputeServiceStub(channel).Compute(
                request, timeout=PATIENCE_S
            )
        except grpc.RpcError as error:
            print(error.details(), file=sys.stderr)
            return 1
    for thing in json.loads(response.result)["images"][0]["things"]:
        box = ", ".join(f"{side:.0f}" for side in thing["box"])
        print(f"{thing['name']} {thing['score']:.2f} [{box}]")
    annotated = picture.with_name(f"{picture.stem}.found.png")
    annotated.write_bytes(response.outputs["annotated"].data)
    print(annotated.name)
    return response.outcome != compute_pb2.OUTCOME_OK


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1:50051"))
