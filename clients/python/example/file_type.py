"""Tells which type files have, by the model magika in ONNX.

    python file_type.py LABELS FILE [HOST:PORT]

LABELS is the model's labels.json, in its folder. ListAlgorithms tells which tensors a model in ONNX
takes and gives: this one takes 2048 numbers, the first and the last 1024 bytes of a file, and 256
for those that it has not, and gives how probable each label is.
"""

from __future__ import annotations

import json
import sys
from array import array
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 60.0
HALF, NOTHING = 1024, 256


def features(data: bytes) -> array[int]:
    """What the model is given of a file."""
    begin, end = data[: 4 * HALF].lstrip()[:HALF], data[-4 * HALF :].rstrip()[-HALF:]
    row = array("i", [NOTHING]) * (2 * HALF)
    row[: len(begin)] = array("i", list(begin))
    if end:
        row[-len(end) :] = array("i", list(end))
    return row


def main(labels: Path, file: Path, address: str = "127.0.0.1:50051") -> int:
    """Ask and print; gives the exit status."""
    names = json.loads(labels.read_text())["target_labels_space"]
    request = compute_pb2.ComputeRequest(algorithm="ml.onnx", parameters='{"model": "magika"}')
    request.inputs["bytes"].CopyFrom(
        tensor_pb2.Tensor(
            dtype=tensor_pb2.DATA_TYPE_INT32,
            shape=[1, 2 * HALF],
            data=features(file.read_bytes()).tobytes(),
        )
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
    scores = array("f", response.outputs["target_label"].data)
    best = max(range(len(scores)), key=scores.__getitem__)
    print(f"{file.name}: {names[best]} {scores[best]:.2f}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
