"""Cuts what is at a point, or in a box, out of a picture.

    python segment_anything.py PICTURE X,Y | LEFT,TOP,RIGHT,BOTTOM [HOST:PORT]

Prints how well each mask fits, as the model thinks, and writes the best one beside the picture, as
a grey image (PGM). The executor ml serves a SAM once one lies in its models folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 300.0


def main(file: str, where: str, address: str = "127.0.0.1:50051") -> int:
    """Ask, print, write; gives the exit status."""
    numbers = [float(each) for each in where.split(",")]
    prompt = {"points": [numbers]} if len(numbers) == 2 else {"box": numbers}
    request = compute_pb2.ComputeRequest(
        algorithm="ml.segment_anything", parameters=json.dumps({"prompts": [prompt]})
    )
    picture = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=Path(file).read_bytes())
    request.inputs["image"].CopyFrom(picture)
    with grpc.insecure_channel(address) as channel:
        try:
            response = compute_pb2_grpc.ComputeServiceStub(channel).Compute(
                request, timeout=PATIENCE_S
            )
        except grpc.RpcError as error:
            print(error, file=sys.stderr)
            return 1
    if response.outcome != compute_pb2.OUTCOME_OK:
        print(response.failure.message, file=sys.stderr)
        return 1
    masks = response.outputs["masks"]
    _, count, height, width = masks.shape
    (scores,) = json.loads(response.result)["scores"]
    for i in range(count):
        mask = masks.data[i * height * width : (i + 1) * height * width]
        print(f"{scores[i]:.3f} {sum(mask)} pixels")
    best = max(range(count), key=scores.__getitem__)
    mask = masks.data[best * height * width : (best + 1) * height * width]
    out = Path(file).with_suffix(".mask.pgm")
    out.write_bytes(f"P5 {width} {height} 1\n".encode() + mask)
    print(out.name)
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
