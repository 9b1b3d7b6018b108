"""The guest's stdout and stderr: written to the log that the host reads.

Rules: what was written is in the log when `write` returns, so that nothing is lost when the
program is stopped in mid-step. Only a full log costs a call to the host.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

from .layout import (
    BLOCK_BYTES,
    HEADER_BYTES,
    LOG_BYTES,
    MAGIC,
    RECORD_BYTES,
    STDERR,
    STDOUT,
    WORD_ANSWER,
    WORD_ANSWER_BYTES,
    WORD_LOG,
    WORD_MAGIC,
)


class Block:
    """The block of memory where host and guest meet; `drain` asks the host to empty the log."""

    def __init__(self, drain: Any) -> None:
        self.memory = bytearray(BLOCK_BYTES)
        self._bytes = memoryview(self.memory)  # an exported buffer cannot be moved
        self._words = self._bytes.cast("I")
        self._words[WORD_MAGIC] = MAGIC
        self._drain = drain

    def writer(self, stream: int) -> Callable[[Any], int]:
        """A function that appends bytes to the log; `print` calls it twice, so it is quick."""
        words, raw, log_long = self._words, self._bytes, self._log_long

        def write(data: Any) -> int:
            size = len(data)
            end = words[WORD_LOG]
            after = end + RECORD_BYTES + (size + 3 & ~3)
            if type(data) is not bytes or after > LOG_BYTES:
                return log_long(stream, memoryview(data).cast("B"))
            words[(HEADER_BYTES + end) >> 2] = size << 1 | stream
            body = HEADER_BYTES + RECORD_BYTES + end
            raw[body : body + size] = data
            words[WORD_LOG] = after
            return size

        return write

    def _log_long(self, stream: int, data: memoryview) -> int:
        """Append `data` in pieces, with an emptied log before each."""
        words, most = self._words, LOG_BYTES - RECORD_BYTES
        for at in range(0, len(data), most):
            with contextlib.suppress(OSError):  # a host that does not listen
                self._drain(b"")
            words[WORD_LOG] = 0
            piece = data[at : at + most]
            words[HEADER_BYTES >> 2] = len(piece) << 1 | stream
            body = HEADER_BYTES + RECORD_BYTES
            self._bytes[body : body + len(piece)] = piece
            words[WORD_LOG] = RECORD_BYTES + (len(piece) + 3 & ~3)
        return len(data)

    def clear(self) -> None:
        """Forget what is in the log."""
        self._words[WORD_LOG] = 0
        self._bytes[HEADER_BYTES:] = bytes(LOG_BYTES)

    def answer(self, address: int, nbytes: int) -> None:
        """Say where the answer lies; (0, 0) when there is none."""
        self._words[WORD_ANSWER] = address
        self._words[WORD_ANSWER_BYTES] = nbytes


class _Stream(io.RawIOBase):
    """One of the two streams, as bytes."""

    def __init__(self, block: Block, stream: int, name: str) -> None:
        super().__init__()
        self.name, self.mode = name, "wb"
        self.write = block.writer(stream)

    def writable(self) -> bool:
        return True


def open_streams(block: Block) -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """New text streams for stdout and stderr; lone surrogates are written as escapes."""
    return _text(block, STDOUT, "<stdout>"), _text(block, STDERR, "<stderr>")


def _text(block: Block, stream: int, name: str) -> io.TextIOWrapper:
    raw: Any = _Stream(block, stream, name)
    return io.TextIOWrapper(
        raw, encoding="utf-8", errors="backslashreplace", newline="\n", write_through=True
    )


def open_stdin(text: str) -> io.TextIOWrapper:
    """A text stream to read `text` from, then the end of the file."""
    data = text.encode("utf-8", "surrogatepass")
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="surrogatepass")
