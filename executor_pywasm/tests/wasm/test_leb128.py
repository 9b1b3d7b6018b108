from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgemesh_sandbox.wasm.errors import WasmFormatError
from edgemesh_sandbox.wasm.leb128 import (
    decode_signed,
    decode_unsigned,
    encode_signed,
    encode_unsigned,
)


@pytest.mark.parametrize(
    ("value", "encoded"),
    # Wikipedia's and DWARF 4's (figures 22 and 23) examples
    [(2, "02"), (127, "7f"), (128, "8001"), (129, "8101"), (624485, "e58e26")],
)
def test_unsigned_numbers_are_those_of_the_references(value: int, encoded: str) -> None:
    assert encode_unsigned(value).hex() == encoded


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(2, "02"), (-2, "7e"), (127, "ff00"), (-127, "817f"), (128, "8001"), (-123456, "c0bb78")],
)
def test_signed_numbers_are_those_of_the_references(value: int, encoded: str) -> None:
    assert encode_signed(value).hex() == encoded


@given(st.integers(0, 2**32 - 1), st.binary(max_size=3), st.binary(max_size=3))
def test_unsigned_numbers_come_back(value: int, before: bytes, behind: bytes) -> None:
    encoded = encode_unsigned(value)
    found = decode_unsigned(before + encoded + behind, len(before))
    assert found == (value, len(before) + len(encoded))


@given(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=3))
def test_signed_numbers_come_back(value: int, before: bytes) -> None:
    encoded = encode_signed(value)
    assert decode_signed(before + encoded, len(before)) == (value, len(before) + len(encoded))


@given(st.binary(max_size=8))
def test_any_bytes_are_a_number_or_refused(data: bytes) -> None:
    for decode in (decode_unsigned, decode_signed):
        try:
            value, end = decode(data, 0)
        except WasmFormatError:
            continue
        assert -(2**31) <= value < 2**32
        assert 1 <= end <= min(5, len(data))


@pytest.mark.parametrize("value", [-1, 2**32])
def test_what_has_no_32_bits_is_not_encoded(value: int) -> None:
    with pytest.raises(ValueError, match="32"):
        encode_unsigned(value)


@pytest.mark.parametrize("value", [-(2**31) - 1, 2**31])
def test_what_has_no_signed_32_bits_is_not_encoded(value: int) -> None:
    with pytest.raises(ValueError, match="32"):
        encode_signed(value)
