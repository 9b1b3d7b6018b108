"""The pictures that a call is about: its inputs, each an encoded image or plain pixels.

Rules: what an image's header tells is looked at before it is decoded; what is no image names its
input. One is decoded when it is its turn, so that no call holds more than one.
"""

from __future__ import annotations

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import Picture, PictureError
from mesh_service.executor import Call, InvalidInput, TensorView

MOST_PICTURES = 64
MOST_PIXELS = 50_000_000
_BYTES_A_PIXEL = 16
"""Most that decoding one takes."""

INPUT = algorithm_pb2.TensorSpec(
    name="image",
    dtypes=[tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8],
    any_rank=True,
    description=(
        f"a PNG, JPEG or WebP image as bytes, or uint8 [height, width, 3]; at most {MOST_PIXELS}"
        f" pixels. Several: up to {MOST_PICTURES} inputs of any names"
    ),
)


def of(call: Call) -> list[str]:
    """The inputs' names, sorted. Raises InvalidInput for those that cannot be pictures."""
    names = sorted(call.inputs)
    if not names:
        raise InvalidInput({"inputs.image": "required: an image"})
    if len(names) > MOST_PICTURES:
        raise InvalidInput({"inputs": f"at most {MOST_PICTURES} images, not {len(names)}"})
    wrong = {
        f"inputs.{name}": expected
        for name in names
        if (expected := _wrong(call.inputs[name])) is not None
    }
    if wrong:
        raise InvalidInput(wrong)
    return names


def read(call: Call, name: str) -> Picture:
    """One of them. Raises InvalidInput."""
    tensor = call.inputs[name]
    most = min(MOST_PIXELS, call.limits.memory_bytes // _BYTES_A_PIXEL or MOST_PIXELS)
    try:
        if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES:
            return Picture.decode(tensor.data, most)
        height, width, _ = tensor.shape
        return Picture.plain(tensor.data, height, width, most)
    except PictureError as error:
        raise InvalidInput({f"inputs.{name}": error.expected}) from error


def _wrong(tensor: TensorView) -> str | None:
    """What was expected of one, if it cannot be a picture."""
    if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES:
        return None if tensor.data.nbytes else "a PNG, JPEG or WebP image, not nothing"
    if tensor.dtype != tensor_pb2.DATA_TYPE_UINT8:
        return "bytes of an image, or uint8 [height, width, 3]"
    if len(tensor.shape) == 3 and tensor.shape[2] == 3 and 0 not in tensor.shape:
        return None
    return f"uint8 [height, width, 3], each at least 1, not {list(tensor.shape)}"
