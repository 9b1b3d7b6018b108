"""Files in ONNX, written by hand: protobuf's wire format of the few fields that tests need."""

from __future__ import annotations

import struct
from collections.abc import Sequence

FLOAT, INT64 = 1, 7


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def block(field: int, data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def port(name: str, dims: Sequence[int | str], element: int = FLOAT) -> bytes:
    shape = b"".join(
        block(1, number(1, dim) if isinstance(dim, int) else block(2, dim)) for dim in dims
    )
    return block(1, name) + block(2, block(1, number(1, element) + block(2, shape)))


def node(
    op: str, inputs: Sequence[str], outputs: Sequence[str], more: bytes = b"", domain: str = ""
) -> bytes:
    data = b"".join(block(1, name) for name in inputs) + b"".join(block(2, n) for n in outputs)
    return data + block(3, f"the {op}") + block(4, op) + more + block(7, domain)


def attribute(name: str, value: int) -> bytes:
    return block(5, block(1, name) + number(3, value) + number(20, 2))


def tensor(name: str, values: Sequence[float], more: bytes = b"") -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return number(1, len(values)) + number(2, FLOAT) + block(8, name) + block(9, raw) + more


def model(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    initializers: Sequence[bytes] = (),
    opset: int = 17,
) -> bytes:
    graph = b"".join(block(1, each) for each in nodes) + block(2, "made")
    graph += b"".join(block(5, each) for each in initializers)
    graph += b"".join(block(11, each) for each in inputs)
    graph += b"".join(block(12, each) for each in outputs)
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, opset))


def scale(by: Sequence[float] = (2, 3)) -> bytes:
    """y = x · by, x of [batch, len(by)]."""
    ends = ("batch", len(by))
    mul = node("Mul", ["x", "by"], ["y"])
    return model([mul], [port("x", ends)], [port("y", ends)], [tensor("by", by)])


def join() -> bytes:
    """z = a + b of one length, which is a dimension with a name."""
    add = node("Add", ["a", "b"], ["z"])
    return model([add], [port("a", ["n"]), port("b", ["n"])], [port("z", ["n"])])
