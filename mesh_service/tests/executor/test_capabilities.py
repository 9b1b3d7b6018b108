"""What a grant covers, and what is refused."""

from __future__ import annotations

import pytest
from edgemesh.compute.v1 import compute_pb2

from mesh_service.executor.capabilities import covers, refusal


@pytest.mark.parametrize(
    ("grant", "wanted", "whether"),
    [
        ("candle", "candle", True),
        ("candle", "candles", False),
        ("call:*", "call:cpp.fft", True),
        ("call:*", "call:cpp.*", True),
        ("call:*", "call:*", True),
        ("call:cpp.*", "call:cpp.fft", True),
        ("call:cpp.*", "call:cppx.fft", False),
        ("call:cpp.*", "call:*", False),
        ("call:cpp.fft", "call:cpp.fft2", False),
        ("call:cpp.fft", "call:cpp.*", False),
        ("files:*", "call:cpp.fft", False),
    ],
)
def test_what_covers_what(grant: str, wanted: str, whether: bool) -> None:
    assert covers(grant, wanted) is whether


@pytest.mark.parametrize(
    "wanted", ["", "*", "call", "call:", "call:a b", "call:*.fft", "call:cpp*", "CALL:x", "call:é"]
)
def test_names_that_make_no_sense_are_refused(wanted: str) -> None:
    request = compute_pb2.ComputeRequest(capabilities=["candle", wanted])
    assert refusal(request, ["candle", "call:*"]) == f"one of candle, call:*; not {wanted!r}"


def test_where_nothing_can_be_asked_for() -> None:
    request = compute_pb2.ComputeRequest(capabilities=["candle"])
    assert refusal(request, []) == "empty: this executor grants none; not 'candle'"
    assert refusal(compute_pb2.ComputeRequest(), []) == ""
