"""Spans of speech, of how probable speech is in each window of a sound.

Rules: as silero's own function has them, whose result this gives for the same probabilities: speech
begins where a window reaches the threshold, and ends where windows stay below a lower one for long
enough; what is too long is cut at its longest pause, or where the limit is reached. Knows nothing
of calls and models.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

RATE, WINDOW = 16_000, 512
_PAUSE_MS = 98
"""A pause at which what is too long may be cut."""
_BELOW = 0.15
_LEAST = 0.01


@dataclass(frozen=True, slots=True)
class Rules:
    """When speech begins and ends."""

    threshold: float = 0.5
    min_speech_ms: float = 250
    min_silence_ms: float = 100
    pad_ms: float = 30
    max_speech_s: float = math.inf

    @property
    def low(self) -> float:
        """Below it is silence, once there is speech."""
        return max(self.threshold - _BELOW, _LEAST)


@dataclass(slots=True)
class Span:
    """From one sample to another."""

    start: int
    end: int


def spans(probabilities: Sequence[float], samples: int, rules: Rules) -> list[Span]:
    """The speech in a sound of so many samples."""
    finder = _Finder(rules)
    for number, probability in enumerate(probabilities):
        finder.hear(WINDOW * number, probability)
    return _padded(finder.finish(samples), samples, RATE * rules.pad_ms / 1000)


class _Finder:
    """Hears windows one after another."""

    def __init__(self, rules: Rules) -> None:
        self._high, self._low = rules.threshold, rules.low
        self._shortest = RATE * rules.min_speech_ms / 1000
        pads = 2 * RATE * rules.pad_ms / 1000
        self._longest = RATE * rules.max_speech_s - WINDOW - pads
        self._silence = RATE * rules.min_silence_ms / 1000
        self._pause = RATE * _PAUSE_MS / 1000
        self._found: list[Span] = []
        self._start: int | None = None
        self._quiet = 0
        """Where the speech may have ended; 0: it has not."""
        self._pauses: list[tuple[int, int]] = []
        """Of this speech: where each begins, and its length."""

    def hear(self, at: int, probability: float) -> None:
        """Take the window that begins at a sample."""
        if probability >= self._high and self._quiet:
            if at - self._quiet > self._pause:
                self._pauses.append((self._quiet, at - self._quiet))
            self._quiet = 0
        if self._start is None:
            if probability >= self._high:
                self._start = at
            return
        if at - self._start > self._longest and self._cut(at):
            return
        if probability < self._low:
            self._quiet = self._quiet or at
            if at - self._quiet >= self._silence:
                self._keep(self._quiet)
                self._end(None)

    def _cut(self, at: int) -> bool:
        """End what is too long; whether the window is done with."""
        if self._start is None:
            return True
        if not self._pauses:
            self._found.append(Span(self._start, at))
            self._end(None)
            return True
        pause, length = max(self._pauses, key=lambda each: each[1])
        self._found.append(Span(self._start, pause))
        self._end(pause + length)
        return False

    def _keep(self, end: int) -> None:
        if self._start is not None and end - self._start > self._shortest:
            self._found.append(Span(self._start, end))

    def _end(self, start: int | None) -> None:
        self._start, self._quiet, self._pauses = start, 0, []

    def finish(self, samples: int) -> list[Span]:
        """All that there were; speech may last to the end."""
        self._keep(samples)
        return self._found


def _padded(found: list[Span], samples: int, pad: float) -> list[Span]:
    """With some of what is around each, shared between two that are close."""
    if not found:
        return found
    found[0].start = int(max(0, found[0].start - pad))
    for this, after in itertools.pairwise(found):
        gap = after.start - this.end
        if gap < 2 * pad:
            this.end += gap // 2
            after.start = max(0, after.start - gap // 2)
        else:
            this.end = int(min(samples, this.end + pad))
            after.start = int(max(0, after.start - pad))
    found[-1].end = int(min(samples, found[-1].end + pad))
    return found
