"""The worker process: ``python -m mesh_service.pool.child DATA CONTROL PARENT TARGET``.

Rules: the main thread alone reads the data socket, so that a call costs no thread switch; a
daemon thread reads the control socket, so that a cancellation is heard whatever runs. When the
front is gone this process ends at once: the kernel kills it (PR_SET_PDEATHSIG), or, should the
front have gone too early for that, the end of the control socket does.
"""

from __future__ import annotations

import ctypes
import faulthandler
import importlib
import json
import logging
import mmap
import os
import queue
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, cast

from mesh_service.setups import BadSetup

from .call import Call
from .channel import Channel
from .errors import ProtocolError
from .frames import CANCEL, DONE_PREFIX, STATUS, Flag, Frame, Kind
from .handler import Handler, Reply, ReplyTooLarge
from .spec import error_id

_log = logging.getLogger(__name__)
_PR_SET_PDEATHSIG = 1


class Worker:
    """Reads the front's frames and runs the handler."""

    def __init__(self, data: socket.socket, control: socket.socket) -> None:
        self._channel = Channel(data, self._dispatch)
        self._control = control
        self._calls: dict[int, Call] = {}
        self._newest = 0
        self._cancelled_early: set[int] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._todo: queue.SimpleQueue[Call] | None = None
        self._handler: Handler
        self._rest: Callable[[], None] | None = None
        self._status: mmap.mmap
        self._clock: Callable[[], int] = time.process_time_ns

    def main(self) -> None:
        """Make the handler, serve calls until the front says STOP."""
        first = self._channel.next()
        if first.kind != Kind.CONFIG:
            raise ProtocolError("the first frame is not CONFIG")
        self._status = self._channel.map_next(mmap.PAGESIZE)
        given = json.loads(first.payload)
        try:
            module, _, name = given["target"].partition(":")
            make = cast(Callable[[Any], Handler], getattr(importlib.import_module(module), name))
            self._handler = make(given["config"])
            description = self._handler.describe()
        except BadSetup as error:  # one line is all that there is to tell
            why = str(error)[:4096].encode(errors="replace")
            self._channel.send(Kind.READY, payload=why, flags=Flag.FAILED | Flag.UNFIT)
            os._exit(1)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"[:4096].encode(errors="replace")
            self._channel.send(Kind.READY, payload=why, flags=Flag.FAILED)
            raise
        # Not before the handler is made: what it forbids its thread, later threads inherit.
        threading.Thread(target=self._hear_cancellations, daemon=True).start()
        self._share(given["concurrency"])
        if self._todo is None:
            self._rest = getattr(self._handler, "rest", None)
        self._channel.send(Kind.READY, payload=description)
        while not self._stopping:
            self._dispatch(self._channel.next())
        self._handler.close()

    def _share(self, concurrency: int) -> None:
        if concurrency == 1:
            return
        self._clock = time.thread_time_ns
        self._todo = todo = queue.SimpleQueue[Call]()
        self._channel.shared = True

        def work() -> None:
            try:
                while True:
                    self._run(todo.get())
            except BaseException as end:  # on the main thread it would end the process too
                code = end.code if isinstance(end, SystemExit) else 1
                os._exit(code if isinstance(code, int) else 1)

        for _ in range(concurrency):
            threading.Thread(target=work, daemon=True).start()

    def _dispatch(self, frame: Frame) -> None:
        kind, flags, number, payload = frame
        if kind == Kind.START:
            if self._todo is None:
                self._run(self._begin(number, payload))
            else:
                self._todo.put(self._begin(number, payload))
        elif kind == Kind.SEGMENT:
            self._channel.segment(flags, payload)
        elif kind == Kind.CALL_REPLY:
            self._channel.answer(flags, payload)
        elif kind == Kind.STOP:
            self._stopping = True

    def _begin(self, number: int, payload: bytes) -> Call:
        STATUS.pack_into(self._status, 0, number)
        call = Call(self._channel, number, payload)
        with self._lock:
            self._calls[number] = call
            self._newest = number
            if number in self._cancelled_early:
                self._cancelled_early.remove(number)
                call.cancel()
        return call

    def _run(self, call: Call) -> None:
        before = self._clock()
        payload, flags = b"", 0
        try:
            reply = self._handler(call)
            cpu_us = (self._clock() - before) // 1000
            payload = call.pack(reply, lambda count: DONE_PREFIX.pack(cpu_us, count))
        except ReplyTooLarge:
            flags = Flag.TOO_LARGE
        except Exception:
            _log.exception("error %s: the handler failed", error_id(os.getpid(), call.id))
            flags = Flag.FAILED
        if flags:
            cpu_us = (self._clock() - before) // 1000
            payload = call.pack(Reply(b""), lambda count: DONE_PREFIX.pack(cpu_us, count))
        with self._lock:
            del self._calls[call.id]
        call.end()
        self._channel.send(Kind.DONE, call.id, payload, flags)
        if self._rest is not None:
            self._rest()

    def _hear_cancellations(self) -> None:
        rest = b""
        while data := self._control.recv(4096):
            data = rest + data
            whole = len(data) - len(data) % CANCEL.size
            rest = data[whole:]
            for (number,) in CANCEL.iter_unpack(data[:whole]):
                with self._lock:
                    if call := self._calls.get(number):
                        call.cancel()
                    elif number > self._newest:  # its START is still unread
                        self._cancelled_early.add(number)
        os._exit(1)  # the front is gone


def bind(parent: int) -> bool:
    """Let this process end with the front, by the front alone; whether that is still there."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the front decides when work ends
    return os.getppid() == parent  # else it died before it could take this process with it


def main() -> None:
    """Run the worker of this process."""
    data, control, parent = (int(argument) for argument in sys.argv[1:4])
    if not bind(parent):
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is to be over at once
    faulthandler.enable()
    signal.signal(signal.SIGILL, signal.SIG_DFL)  # the front has a line that tells more
    cast(Any, sys.stdout).reconfigure(line_buffering=True)
    worker = Worker(socket.socket(fileno=data), socket.socket(fileno=control))
    # Never collected: its sockets close when the process has ended, whose exit code tells why.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(worker))
    try:
        worker.main()
    except EOFError:
        os._exit(1)


if __name__ == "__main__":
    main()
