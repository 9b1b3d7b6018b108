"""The pictures of a call: which inputs there are, and each as a model reads it.

Rules: inputs are `image`, and `image.1`, `image.2`, … beside it; each a file's bytes, or uint8 of
[height, width, 3], or a batch of such. A picture's pixels are counted before it is decoded. Between
two pictures a call looks at its deadline and at its caller.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from edgemesh.compute.v1 import algorithm_pb2, tensor_pb2

from edgemesh_candle import PictureError, Prepared, threads
from edgemesh_executor_ml.stopped import stopped
from mesh_service.executor import Call, InvalidInput, Reply, TensorView

MOST_PICTURES = 64
MOST_PIXELS = 50_000_000
"""Of one picture; decoded, it takes three bytes for each, and up to sixteen meanwhile."""
_NAME = re.compile(r"image(\.[1-9][0-9]{0,2})?")
_EXPECTED = "a PNG, JPEG or WebP as BYTES, or UINT8 of [height, width, 3] or [n, height, width, 3]"
_FILES = (tensor_pb2.DATA_TYPE_BYTES, tensor_pb2.DATA_TYPE_UINT8)
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Given(NamedTuple):
    """A picture that is not read yet."""

    input: str
    data: memoryview
    """A file's bytes, or rows of RGB."""
    size: tuple[int, int] | None
    """Height and width of rows."""


class Reader(Protocol[T_co]):
    """What makes something of a picture."""

    def __call__(
        self, data: memoryview, size: tuple[int, int] | None = None, *, most_pixels: int
    ) -> T_co:
        """Read a file, or rows of that size. Raises PictureError."""
        ...


def grey(reader: Reader[T]) -> T:
    """A small picture to compute with once, as a model reads it."""
    side = 64
    return reader(memoryview(b"\x7f" * side * side * 3), (side, side), most_pixels=side * side)


class Preparer(Protocol):
    """A model that reads pictures."""

    @property
    def prepare(self) -> Reader[Prepared]:
        """Give a picture as it reads it."""
        ...


def spec(required: bool, several: bool = True) -> algorithm_pb2.TensorSpec:
    """The first input; others are like it, where there may be several."""
    more = "; more of them as image.1, image.2, …" if several else "; one picture"
    return algorithm_pb2.TensorSpec(
        name="image",
        dtypes=_FILES,
        any_rank=True,
        required=required,
        description=f"{_EXPECTED}{more}",
    )


def result(image: dict[str, Any], more: dict[str, Any] | None = None) -> str:
    """The schema of a result that tells of each picture what `image` describes."""
    image = {"input": {"type": "string"}} | image
    told = {
        "type": "array",
        "description": "of each picture, in the order of inputs",
        "items": {"type": "object", "required": list(image), "properties": image},
    }
    named = {"model": {"type": "string"}, "model_version": {"type": "string"}}
    properties = named | (more or {}) | {"images": told}
    return json.dumps({"type": "object", "required": list(properties), "properties": properties})


def likeliest(name: str, score: str) -> dict[str, Any]:
    """The schema of what is ranked: each a `name` with its score, and where it stood."""
    properties = {
        name: {"type": "string"},
        "score": {"type": "number", "description": score},
        "index": {"type": "integer"},
    }
    items = {"type": "object", "required": list(properties), "properties": properties}
    return {"type": "array", "description": "the likeliest first", "items": items}


def vectors(name: str, description: str) -> algorithm_pb2.TensorSpec:
    """An output of rows of numbers."""
    return algorithm_pb2.TensorSpec(
        name=name,
        dtypes=[tensor_pb2.DATA_TYPE_FLOAT32],
        shape=[-1, -1],
        description=description,
    )


def prepared(call: Call, model: Preparer) -> tuple[list[str], list[Prepared]] | Reply:
    """Every picture's input and values, or the reply to a call that must stop.

    Raises InvalidInput.
    """
    names: list[str] = []
    out: list[Prepared] = []
    for given in of(call):
        if (reply := stopped(call)) is not None:
            return reply
        out.append(read(given, model.prepare))
        names.append(given.input)
    return names, out


def read(given: Given, reader: Reader[T]) -> T:
    """One picture. Raises InvalidInput."""
    try:
        return reader(given.data, given.size, most_pixels=MOST_PIXELS)
    except PictureError as error:
        raise InvalidInput({f"inputs.{given.input}": error.expected}) from error


def steps(pictures: Sequence[Prepared]) -> Iterator[Sequence[Prepared]]:
    """As many pictures at a time as keep all threads busy for some of them."""
    step = 2 * threads()
    for at in range(0, len(pictures), step):
        yield pictures[at : at + step]


def of(call: Call) -> list[Given]:
    """Every picture in the order of inputs, none of them read. Raises InvalidInput."""
    for name in call.inputs:
        if _NAME.fullmatch(name) is None:
            raise InvalidInput({f"inputs.{name[:128]}": "image, image.1, image.2, …"})
    found: list[Given] = []
    for name in sorted(call.inputs, key=lambda name: int(name.partition(".")[2] or 0)):
        found += _of(name, call.inputs[name])
        if len(found) > MOST_PICTURES:
            raise InvalidInput({f"inputs.{name}": f"at most {MOST_PICTURES} pictures in a call"})
    return found


def _of(name: str, tensor: TensorView) -> Iterator[Given]:
    shape = tensor.shape
    if tensor.dtype not in _FILES:
        raise InvalidInput({f"inputs.{name}.dtype": _EXPECTED})
    if tensor.dtype == tensor_pb2.DATA_TYPE_BYTES or len(shape) == 1:
        yield Given(name, tensor.data, None)
        return
    if len(shape) not in (3, 4) or shape[-1] != 3 or 0 in shape:
        raise InvalidInput({f"inputs.{name}.shape": f"{_EXPECTED}, not {list(shape)}"})
    height, width = shape[-3:-1]
    if height * width > MOST_PIXELS:
        expected = f"at most {MOST_PIXELS} pixels, not {height} by {width}"
        raise InvalidInput({f"inputs.{name}.shape": expected})
    if len(shape) == 4 and shape[0] > MOST_PICTURES:
        raise InvalidInput({f"inputs.{name}.shape[0]": f"at most {MOST_PICTURES} pictures"})
    row = height * width * 3
    for i in range(shape[0] if len(shape) == 4 else 1):
        yield Given(name, tensor.data[i * row : (i + 1) * row], (height, width))
