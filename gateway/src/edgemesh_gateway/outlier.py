"""Whether a replica that fails is left out for a while.

Rules: FAILURES of transport in a row, with no answer between them, leave it out for FIRST_S, and
for twice as long each next time, LONGEST_S at most; one that has done well for LONGEST_S since is
forgiven. Whether there is another to take its place is the executor's to look at.
"""

from __future__ import annotations

from collections.abc import Callable

FAILURES = 5
FIRST_S, LONGEST_S = 1.0, 30.0


class Outlier:
    """A replica's failures."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.answered = 0
        """Calls that it has answered; to be counted up."""
        self.times = 0
        """How often it was left out."""
        self._clock = clock
        self._in_a_row = 0
        self._answers = 0
        self._seconds = 0.0
        self._until = 0.0

    @property
    def out(self) -> bool:
        """Whether it is left out now."""
        return self._clock() < self._until

    def failed(self, more: int) -> bool:
        """Count a failure; whether these are enough. `more`: answers beside `answered`."""
        answers = self.answered + more
        if answers != self._answers:
            self._answers, self._in_a_row = answers, 0
        self._in_a_row += 1
        return self._in_a_row >= FAILURES and not self.out

    def leave_out(self) -> float:
        """Leave it out from now on; for how many seconds."""
        now = self._clock()
        forgiven = now - self._until > LONGEST_S
        self._seconds = FIRST_S if forgiven else min(2 * self._seconds, LONGEST_S)
        self._until = now + self._seconds
        self._in_a_row = 0
        self.times += 1
        return self._seconds
