"""Arrays as they cross: an element type, a shape, and bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgemesh_sandbox.errors import InputError

ITEM_BYTES = {
    "bool": 1, "int8": 1, "int16": 2, "int32": 4, "int64": 8,
    "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8,
    "float16": 2, "float32": 4, "float64": 8, "complex64": 8, "complex128": 16,
    "bytes": 1,
}  # fmt: skip
"""Element types, and bytes of one element. `bytes` is opaque: a picture, a document."""


_GUEST_BYTES = 1 << 31
"""An array of the guest is shorter: its NumPy counts bytes in 32 bits, with a sign."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An n-dimensional array; `data` in C order, little-endian."""

    dtype: str
    """A key of `ITEM_BYTES`."""
    shape: tuple[int, ...]
    data: bytes | memoryview
    media_type: str = ""

    def check(self, field: str) -> None:
        """Raise `InputError` unless type, shape and length agree and a guest can have the shape."""
        item = ITEM_BYTES.get(self.dtype)
        if item is None:
            raise InputError(field, f"{self.dtype!r} is none of {', '.join(ITEM_BYTES)}")
        if any(n < 0 for n in self.shape) or len(self.shape) > 32:
            raise InputError(field, f"the shape {self.shape} has a negative or a 33rd dimension")
        given = memoryview(self.data).nbytes
        if self.dtype == "bytes" and not self.shape:
            return
        if item * math.prod(self.shape) != given:
            raise InputError(
                field, f"{self.dtype} of shape {self.shape} does not fit {given} bytes"
            )
        # NumPy counts a dimension of 0 as 1 here, so an array without elements can be too long.
        if self.dtype != "bytes" and item * math.prod(n or 1 for n in self.shape) >= _GUEST_BYTES:
            raise InputError(
                f"{field}.shape",
                f"the dimensions other than 0 must come to less than 2^31 bytes, are {self.shape}",
            )
