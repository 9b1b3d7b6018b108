"""Collects what a program prints, as it is printed, up to its limit.

Rules: bytes come from the guest's log (see `guest/layout.py`) or from its own writes to the
descriptors 1 and 2; their order within a stream is kept, whole characters are handed on, and
what is no UTF-8 is replaced. Nothing the guest does to the log can make this read outside of it.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Callable
from typing import Literal

from edgemesh_sandbox.guest.layout import (
    BLOCK_BYTES,
    HEADER_BYTES,
    LOG_BYTES,
    RECORD_BYTES,
    STDERR,
    STDOUT,
    WORD_LOG,
)

StreamName = Literal["stdout", "stderr"]
OnOutput = Callable[[StreamName, str], None]

_NAMES: dict[int, StreamName] = {STDOUT: "stdout", STDERR: "stderr"}


class Output:
    """The two streams of one run."""

    def __init__(self, block: memoryview, limit: int, on_output: OnOutput | None) -> None:
        assert len(block) == BLOCK_BYTES
        self._block = block
        self.room = limit
        """Bytes that may still be written."""
        self._on_output = on_output
        self._seen = 0
        self._decoders = {n: codecs.getincrementaldecoder("utf-8")("replace") for n in _NAMES}
        self._texts: dict[int, list[str]] = {n: [] for n in _NAMES}
        self._new: list[tuple[int, str]] = []
        self.exceeded = False
        """Whether the program wrote more than its limit."""

    def text(self, stream: int) -> str:
        """What was written to STDOUT or STDERR."""
        return "".join(self._texts[stream])

    def take_log(self) -> None:
        """Take what is new in the log; the guest goes on writing behind it."""
        end = int.from_bytes(self._block[4 * WORD_LOG : 4 * WORD_LOG + 4], "little")
        if end > LOG_BYTES or end <= self._seen:
            return
        records = bytes(self._block[HEADER_BYTES + self._seen : HEADER_BYTES + end])
        self._seen = end
        at = 0
        while at + RECORD_BYTES <= len(records):
            head = int.from_bytes(records[at : at + RECORD_BYTES], "little")
            at += RECORD_BYTES
            size = min(head >> 1, len(records) - at)
            self._add(head & 1, records[at : at + size])
            at += size + 3 & ~3
        self._hand_on()

    def empty_log(self) -> None:
        """Take what is new in the log, and start it again at its beginning.

        It is emptied here, not by the guest after this: whoever reads it before the guest goes on
        would take all of it a second time.
        """
        self.take_log()
        self._block[4 * WORD_LOG : 4 * WORD_LOG + 4] = bytes(4)
        self._seen = 0

    def write(self, stream: int, data: bytes) -> None:
        """Take bytes that were written past the log."""
        self.take_log()
        self._add(stream, data)
        self._hand_on()

    def count(self, nbytes: int) -> None:
        """Count a result of so many bytes against the limit."""
        if nbytes > self.room:
            self.exceeded = True
        else:
            self.room -= nbytes

    def close(self) -> None:
        """Take the rest; a character that was never finished is replaced.

        The log is left empty: where the program goes on, what it prints next is all that is in it.
        """
        self.take_log()
        if self._seen:
            self.empty_log()
        for stream, decoder in self._decoders.items():
            if last := decoder.decode(b"", final=True):
                self._keep(stream, last)
        self._hand_on()

    def _add(self, stream: int, data: bytes) -> None:
        if len(data) > self.room:
            self.exceeded = True
            data = data[: self.room]
        self.room -= len(data)
        if text := self._decoders[stream].decode(data):
            self._keep(stream, text)

    def _keep(self, stream: int, text: str) -> None:
        self._texts[stream].append(text)
        if self._on_output is not None:
            self._new.append((stream, text))

    def _hand_on(self) -> None:
        """Tell of what is new, neighbouring pieces of one stream as one."""
        if self._on_output is None or not self._new:
            return
        new, self._new = self._new, []
        for stream, pieces in itertools.groupby(new, key=lambda piece: piece[0]):
            self._on_output(_NAMES[stream], "".join(text for _, text in pieces))
