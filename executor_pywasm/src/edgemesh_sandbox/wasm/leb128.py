"""LEB128, the variable-length integers of the WebAssembly binary format.

Rules: at most 32 bits, as every count, size and address of wasm32 has; a number that is cut
off, too long or too large is refused. Core specification, section 5.2.2.
"""

from __future__ import annotations

from edgemesh_sandbox.wasm.errors import WasmFormatError

_MAX_BYTES = 5  # ceil(32 / 7)
_U32_MAX = 0xFFFF_FFFF


def encode_unsigned(value: int) -> bytes:
    """Encode `value`, 0 ≤ value < 2³²; raises `ValueError` outside of that."""
    if not 0 <= value <= _U32_MAX:
        raise ValueError(f"{value} does not fit in 32 unsigned bits")
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        if not value:
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def encode_signed(value: int) -> bytes:
    """Encode `value`, at least -2³¹ and less than 2³¹; raises `ValueError` outside of that."""
    if not -(1 << 31) <= value < 1 << 31:
        raise ValueError(f"{value} does not fit in 32 signed bits")
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        if value == -(low >> 6):  # only copies of the sign bit are left
            out.append(low)
            return bytes(out)
        out.append(low | 0x80)


def _raw(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The payload bits at `offset` and the offset behind them."""
    value = 0
    for count in range(_MAX_BYTES):
        if offset + count >= len(data):
            raise WasmFormatError("a LEB128 number is cut off", offset)
        byte = data[offset + count]
        value |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return value, offset + count + 1
    raise WasmFormatError("a LEB128 number is longer than five bytes", offset)


def decode_unsigned(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The number at `offset` and the offset behind it; raises `WasmFormatError`."""
    value, end = _raw(data, offset)
    if value > _U32_MAX:
        raise WasmFormatError("a LEB128 number does not fit in 32 bits", offset)
    return value, end


def decode_signed(data: bytes | memoryview, offset: int) -> tuple[int, int]:
    """The number at `offset` and the offset behind it; raises `WasmFormatError`."""
    value, end = _raw(data, offset)
    bits = 7 * (end - offset)
    if value >> (bits - 1):
        value -= 1 << bits
    if not -(1 << 31) <= value < 1 << 31:
        raise WasmFormatError("a LEB128 number does not fit in 32 bits", offset)
    return value, end
