"""Times in what is left of a sound, and where they lie in the whole.

Rules: a time at a border belongs to the span that it begins, or ends, as it is the start or the end
of something.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from edgemesh_candle import Sound
from edgemesh_executor_ml.spans import RATE, Span


class Cut:
    """Spans of a sound, put one after another."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._spans = spans
        self._starts: list[int] = []
        """Where each begins in what is left, in samples."""
        self._length = 0
        for span in spans:
            self._starts.append(self._length)
            self._length += span.end - span.start

    @property
    def seconds(self) -> float:
        """Of what is left."""
        return self._length / RATE

    def of(self, sound: Sound) -> Sound:
        """What is left of the sound."""
        return sound.kept([(span.start, span.end) for span in self._spans])

    def start(self, seconds: float) -> float:
        """Where something begins in the whole sound."""
        return self._at(seconds, bisect_right(self._starts, seconds * RATE) - 1)

    def end(self, seconds: float) -> float:
        """Where something ends in the whole sound."""
        return self._at(seconds, bisect_left(self._starts, seconds * RATE) - 1)

    def _at(self, seconds: float, number: int) -> float:
        number = max(number, 0)
        span = self._spans[number]
        within = seconds - self._starts[number] / RATE
        return min(span.start / RATE + max(within, 0.0), span.end / RATE)
