"""What a POST comes to."""

from __future__ import annotations

from dataclasses import dataclass

WHOLE_S = 15.0
"""For all of a POST: the name, the connection, the answer's head."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer, as far as it is asked for."""

    status: int
    """0: there was none."""
    retry_after_s: float | None = None


class Failed(Exception):
    """There was no answer; says why, for the tenant."""
