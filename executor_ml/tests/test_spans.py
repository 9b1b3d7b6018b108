"""Spans of speech against silero's own function, and times in what is left of a sound."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import golden

from edgemesh_executor_ml.cut import Cut
from edgemesh_executor_ml.spans import RATE, Rules, Span, spans

GOLDEN = golden("vad.json")


def pairs(found: list[Span]) -> list[list[int]]:
    return [[each.start, each.end] for each in found]


@pytest.mark.parametrize("number", range(len(GOLDEN["rules"])))
@pytest.mark.parametrize("row", range(len(GOLDEN["drawn"])))
def test_spans_are_those_of_silero(row: int, number: int) -> None:
    drawn: dict[str, Any] = GOLDEN["drawn"][row]
    found = spans(drawn["probabilities"], drawn["samples"], Rules(**GOLDEN["rules"][number]))
    assert pairs(found) == drawn["spans"][number]


def test_no_sound_has_no_speech() -> None:
    assert spans([], 0, Rules()) == []


def test_times_are_those_of_the_whole_sound() -> None:
    cut = Cut([Span(RATE, 3 * RATE), Span(10 * RATE, 11 * RATE)])
    assert cut.seconds == 3
    assert (cut.start(0), cut.end(1.5)) == (1, 2.5)
    # At the border something ends in the first and begins in the second.
    assert (cut.end(2), cut.start(2)) == (3, 10)
    assert cut.end(2.5) == 10.5
    assert cut.end(30) == 11  # past the end, as a window's last segment may be
    assert cut.end(0) == 1
