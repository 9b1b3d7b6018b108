"""The front's end of a worker's data socket: frames in and out, never blocking.

Sends go straight to the socket; what it does not take waits, bounded, for the loop to say that it
can be written.
"""

from __future__ import annotations

import array
import asyncio
import os
import socket
import struct
from collections import deque
from collections.abc import Callable

from .errors import ProtocolError
from .frames import FROM_WORKER, Decoder, Frame

_CHUNK = 64 << 10
_MAX_UNSENT = 64 << 20


class Link:
    """Frames over one non-blocking socket, which its owner closes."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_frame: Callable[[Frame], None],
        on_end: Callable[[str], None],
    ) -> None:
        """Read from now on; ``on_end`` gets a reason, empty when the worker closed its end."""
        self._loop = loop
        self._socket = sock
        self._on_frame = on_frame
        self._on_end = on_end
        self._decoder = Decoder(FROM_WORKER)
        self._unsent: deque[tuple[memoryview, int]] = deque()
        self._unsent_bytes = 0
        self._open = True
        loop.add_reader(sock.fileno(), self.read)

    def send(self, data: bytes, descriptor: int = -1) -> None:
        """Send whole frames, with an open descriptor of which the worker gets a copy."""
        if not self._open:
            return
        view = memoryview(data)
        if not self._unsent:
            sent = self._try(view, descriptor)
            if sent == len(data):
                return
            view = view[sent:]
            if sent:
                descriptor = -1
            self._loop.add_writer(self._socket.fileno(), self._write)
        if descriptor >= 0:
            descriptor = os.dup(descriptor)
        self._unsent.append((view, descriptor))
        self._unsent_bytes += len(view)
        if self._unsent_bytes > _MAX_UNSENT:
            self.fail(f"the worker does not read: {self._unsent_bytes} bytes wait")

    def _try(self, view: memoryview, descriptor: int) -> int:
        try:
            if descriptor < 0:
                return self._socket.send(view)
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))
            return self._socket.sendmsg([view], [rights])
        except BlockingIOError:
            return 0
        except ConnectionError:  # the worker is gone; reading tells
            return len(view)
        except OSError as error:
            self.fail(_violation(error))
            return len(view)

    def _write(self) -> None:
        while self._unsent:
            view, descriptor = self._unsent[0]
            sent = self._try(view, descriptor)
            if not sent or not self._open:
                return
            if descriptor >= 0:
                os.close(descriptor)
            self._unsent_bytes -= sent
            if sent < len(view):
                self._unsent[0] = (view[sent:], -1)
            else:
                self._unsent.popleft()
        self._loop.remove_writer(self._socket.fileno())

    def read(self) -> bool:
        """Handle what has come; give whether there may be more."""
        if not self._open:
            return False
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError as error:
            self.fail(_violation(error))
            return False
        if not data:
            self.fail("")
            return False
        try:
            for frame in self._decoder.feed(data):
                if self._open:
                    self._on_frame(frame)
        except (ProtocolError, struct.error) as error:
            self.fail(str(error))
        return self._open

    def fail(self, reason: str) -> None:
        """Stop, and tell the owner."""
        if self._open:
            self.stop()
            self._on_end(reason)

    def stop(self) -> None:
        """Read and write no more. Idempotent."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._socket.fileno())
            self._loop.remove_writer(self._socket.fileno())
            for _, descriptor in self._unsent:
                if descriptor >= 0:
                    os.close(descriptor)
            self._unsent.clear()


def _violation(error: OSError) -> str:
    """Nothing where the other end has gone, with bytes unread or not: that is its death."""
    return "" if isinstance(error, ConnectionError) else str(error)
