"""The worker's end of the data socket, and the shared memory that comes through it."""

from __future__ import annotations

import array
import contextlib
import itertools
import mmap
import os
import queue
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable

from .copying import pinned
from .frames import (
    FROM_FRONT,
    REGION,
    SEGMENT,
    TOKEN,
    Decoder,
    Flag,
    Frame,
    Part,
    encode,
    unpack_parts,
)
from .spec import Buffer

_CHUNK = 64 << 10
_DESCRIPTORS = socket.CMSG_SPACE(4 * array.array("i").itemsize)


class Channel:
    """Frames to and from the front. Any thread may send; one at a time reads."""

    def __init__(self, data: socket.socket, dispatch: Callable[[Frame], None]) -> None:
        self._data = data
        self._dispatch = dispatch
        self._decoder = Decoder(FROM_FRONT)
        self._frames: deque[Frame] = deque()
        self._descriptors: deque[int] = deque()
        self._sending = threading.Lock()
        self._reading = threading.Lock()
        self._tokens = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[tuple[int, bytes]]] = {}
        self._addresses: dict[int, int] = {}
        self.maps: dict[int, mmap.mmap] = {}
        self.shared = False
        """Whether calls run on threads of their own while the main thread reads."""

    def send(self, kind: int, call: int = 0, payload: bytes = b"", flags: int = 0) -> None:
        """Send one frame."""
        with self._sending:
            self._data.sendall(encode(kind, call, payload, flags))

    def next(self) -> Frame:
        """Wait for the next frame. Raises EOFError when the front is gone."""
        while not self._frames:
            data, ancillary, _, _ = self._data.recvmsg(
                _CHUNK, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
            if not data:
                raise EOFError
            for _, _, content in ancillary:
                self._descriptors.extend(array.array("i", content))
            self._frames.extend(self._decoder.feed(data))
        return self._frames.popleft()

    def ask(self, kind: int, call: int, payload: bytes) -> tuple[int, bytes]:
        """Send a question, wait for its answer: flags and payload without the token."""
        token = next(self._tokens)
        answer = self._answers[token] = queue.SimpleQueue[tuple[int, bytes]]()
        self.send(kind, call, TOKEN.pack(token) + payload)
        try:
            if not self.shared:
                # The handler keeps the main thread busy: read here, until the answer is in.
                with self._reading:
                    while answer.empty():
                        self._dispatch(self.next())
            return answer.get()
        finally:
            del self._answers[token]

    def post(self, kind: int, call: int, payload: bytes) -> int:
        """Send a question, to be waited for later; its token."""
        token = next(self._tokens)
        self._answers[token] = queue.SimpleQueue[tuple[int, bytes]]()
        self.send(kind, call, TOKEN.pack(token) + payload)
        return token

    def taken(self, token: int) -> tuple[int, bytes] | None:
        """The answer to a question that was posted, once; None while there is none."""
        if self._answers[token].empty():
            return None
        return self._answers.pop(token).get()

    def forget(self, token: int) -> None:
        """Drop the answer to a question, whether it has come or not."""
        self._answers.pop(token, None)

    def listen(self, seconds: float) -> None:
        """Wait for frames, at most so long, and handle those that have come.

        Not where calls share this process: there the main thread reads. Raises EOFError.
        """
        with self._reading:
            if not self._frames:
                waiting = select.poll()
                waiting.register(self._data, select.POLLIN)
                if not waiting.poll(seconds * 1e3):
                    return
            self._dispatch(self.next())
            while self._frames:
                self._dispatch(self.next())

    def answer(self, flags: int, payload: bytes) -> None:
        """Hand an answer to the one that waits for it; to nobody, if it was forgotten."""
        (token,) = TOKEN.unpack_from(payload)
        if waiting := self._answers.get(token):
            waiting.put((flags, payload[TOKEN.size :]))

    def map_next(self, size: int) -> mmap.mmap:
        """Map the memory whose descriptor came with this frame."""
        descriptor = self._descriptors.popleft()
        try:
            return mmap.mmap(descriptor, size)
        except PermissionError:  # it is sealed: nobody can write to it any more
            return mmap.mmap(descriptor, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)

    def segment(self, flags: int, payload: bytes) -> None:
        """Map a new segment, forget an old one, or hand a granted one on."""
        token, number, size = SEGMENT.unpack(payload)
        if flags & Flag.DROP:
            self._addresses.pop(number, None)
            with contextlib.suppress(BufferError, KeyError):  # a handler kept a view, or no memory
                self.maps.pop(number).close()
        elif flags & Flag.NEW and number & REGION:
            # Shrunk in this moment? Then the call that names it has begun, and costs this process.
            with contextlib.suppress(ValueError):
                self.maps[number] = self.map_next(size)
        elif flags & Flag.NEW:
            self.maps[number] = self.map_next(size)
            with pinned(memoryview(self.maps[number])) as address:
                self._addresses[number] = address
        if token:
            self.answer(flags, payload)

    def parts(
        self, payload: bytes, prefix: int, count: int
    ) -> tuple[list[memoryview], dict[int, None]]:
        """Give views of the parts of ``payload``, and the segments, no regions, they lie in."""
        inline = memoryview(payload)
        views: list[memoryview] = []
        segments: dict[int, None] = {}
        for segment, offset, length in unpack_parts(payload, prefix, count):
            whole = inline
            if segment:
                if not segment & REGION:
                    segments[segment] = None
                whole = memoryview(self.maps[segment])
            views.append(whole[offset : offset + length])
        return views, segments

    def locate(self, part: Buffer, segments: Iterable[int]) -> Part | None:
        """Find ``part`` in one of ``segments``: then it need not be copied."""
        with pinned(part) as address:
            for segment in segments:
                offset = address - self._addresses[segment]
                if offset >= 0 and offset + len(part) <= len(self.maps[segment]):
                    return Part(segment, offset, len(part))
        return None
