"""What comes faster than a page can be told: it is gathered here, and told in batches.

Rules: adding costs nothing that grows with what was added; the page asks, BEAT_S apart, and gets
the newest part only, so that neither the wire nor the browser has more than a page shows.
"""

from __future__ import annotations

from collections import deque

BEAT_S = 0.25
"""How often a page is told."""
MOST_SHOWN = 20_000
"""Characters that a page shows while they come."""
MOST_KEPT = 1_000_000
"""Characters that are kept to be looked at afterwards."""


class Feed:
    """Text that comes in pieces, of which the newest are kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._pieces: deque[str] = deque()
        self._held = 0
        self._told = 0
        self.events = 0
        """How many pieces have come."""
        self.characters = 0
        """How many characters have come."""

    def add(self, text: str) -> None:
        """One more piece."""
        self.events += 1
        self.characters += len(text)
        piece = text[-self._most :]
        self._pieces.append(piece)
        self._held += len(piece)
        while self._held > self._most and len(self._pieces) > 1:
            self._held -= len(self._pieces.popleft())

    @property
    def changed(self) -> bool:
        """Whether something has come since it was last shown."""
        return self._told != self.events

    def show(self, most: int = MOST_SHOWN) -> str:
        """The newest `most` characters, after a line that says what is left out."""
        self._told = self.events
        newest: list[str] = []
        room = most
        for piece in reversed(self._pieces):
            if room <= 0:
                break
            newest.append(piece[-room:])
            room -= len(piece)
        text = "".join(reversed(newest))
        left_out = self.characters - len(text)
        return f"[{left_out:,} characters before this are not shown]\n{text}" if left_out else text
