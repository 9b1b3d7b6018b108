"""What is on a picture in a sentence, or the answer to a question about it.

    python caption_image.py PICTURE [HOST:PORT] [QUESTION]

Prints a caption as it is written, or with a question its answer. The executor ml serves a BLIP once
one lies in its models folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import grpc
from edgemesh.compute.v1 import compute_pb2, compute_pb2_grpc, tensor_pb2

PATIENCE_S = 120.0


def main(file: str, address: str = "127.0.0.1:50051", question: str = "") -> int:
    """Ask about one picture; gives the exit status."""
    request = compute_pb2.ComputeRequest(
        algorithm="ml.answer_image" if question else "ml.caption_image",
        parameters=json.dumps({"question": question} if question else {}),
    )
    picture = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, data=Path(file).read_bytes())
    request.inputs["image"].CopyFrom(picture)
    with grpc.insecure_channel(address) as channel:
        compute = compute_pb2_grpc.ComputeServiceStub(channel)
        try:
            for event in compute.ComputeStream(request, timeout=PATIENCE_S):
                match event.WhichOneof("event"):
                    case "token":
                        print(event.token.text, end="", flush=True)
                    case "response":
                        print()
                        return ended(event.response)
                    case _:
                        pass
        except grpc.RpcError as error:
            print(error, file=sys.stderr)
    return 1


def ended(response: compute_pb2.ComputeResponse) -> int:
    """Print how it ended."""
    if response.outcome != compute_pb2.OUTCOME_OK:
        outcome = compute_pb2.Outcome.Name(response.outcome)
        print(f"{outcome}: {response.failure.message}", file=sys.stderr)
        return 1
    (image,) = json.loads(response.result)["images"]
    print(f"{image['tokens']} tokens, {image['finish_reason']}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
