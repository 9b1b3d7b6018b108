"""What is on pictures, by a model that the mesh serves for `ml.classify_image`.

    python classify_image.py HOST:PORT PICTURE…

Prints a line for each picture: its file, and the likeliest labels.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 60.0


def main(address: str, *files: str) -> int:
    """Ask once for all pictures; gives the exit status."""
    request = compute_pb2.ComputeRequest(
        algorithm="ml.classify_image", parameters=json.dumps({"top_k": 3})
    )
    names = ["image", *(f"image.{i}" for i in range(1, len(files)))]
    for name, file in zip(names, files, strict=True):
        picture = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=Path(file).read_bytes())
        request.inputs[name].CopyFrom(picture)
    with grpc.insecure_channel(address) as channel:
        try:
            response = compute_pb2_grpc.ComputeServiceStub(channel).Compute(
                request, timeout=PATIENCE_S
            )
        except grpc.RpcError as error:
            print(error, file=sys.stderr)
            return 1
    for file, image in zip(files, json.loads(response.result)["images"], strict=True):
        labels = ", ".join(f"{each['label']} {each['score']:.0%}" for each in image["labels"])
        print(f"{Path(file).name}: {labels}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
