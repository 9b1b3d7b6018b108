"""What the tests' workers do: one handler whose work names its deed."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

from mesh_service.pool import Call, EventsTooLarge, Reply, ReplyTooLarge
from mesh_service.pool.frames import DONE_PREFIX, HEADER, NEED, TOKEN, Kind, Part, pack_parts

IMPORTED_BY = os.getpid()


def send_raw(data: bytes) -> None:
    """Write to the front behind the channel's back."""
    os.write(int(sys.argv[1]), data)


def frame(kind: int, call: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return HEADER.pack(len(payload), kind, flags, 0, call) + payload


class Deeds:
    """Does ``{"do": <method>, ...}``."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.kept: list[Any] = []
        self.rested = 0
        match config.get("start"):
            case "hang":
                threading.Event().wait()
            case "raise":
                raise ValueError("no model here")
            case "exit":
                sys.exit(7)
            case "die young":
                threading.Timer(0.0, os._exit, [3]).start()
            case "garbage":
                send_raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            case _:
                pass

    def describe(self) -> bytes:
        return json.dumps({"pid": os.getpid(), **self.config}).encode()

    def close(self) -> None:
        if self.config.get("close") == "hang":
            threading.Event().wait()
        if path := self.config.get("closed"):
            with open(path, "a") as file:
                file.write(f"{os.getpid()}\n")

    def __call__(self, call: Call) -> Reply:
        given = json.loads(call.header)
        return getattr(self, given.pop("do"))(call, **given)

    def rest(self) -> None:
        self.rested += 1

    # Honest work

    def rests(self, call: Call) -> Reply:
        return Reply(str(self.rested).encode())

    def echo(self, call: Call) -> Reply:
        return Reply(call.header, call.buffers)

    def reverse(self, call: Call) -> Reply:
        return Reply(b"", [bytes(buffer)[::-1] for buffer in call.buffers])

    def reverse_into_place(self, call: Call) -> Reply:
        before, source = call.buffers
        assert source.readonly
        (target,) = call.places
        target[:] = bytes(source)[::-1]
        return Reply(bytes(before))

    def fill(self, call: Call, sizes: list[int]) -> Reply:
        buffers = [call.allocate(size) for size in sizes]
        for index, buffer in enumerate(buffers):
            buffer[:] = bytes([index % 256]) * len(buffer)
        return Reply(b"filled", buffers)

    def slice_of_allocated(self, call: Call) -> Reply:
        buffer = call.allocate(1 << 20)
        buffer[:] = bytes(1 << 20)
        buffer[1000:101000] = b"m" * 100000
        return Reply(b"", [buffer[1000:101000].toreadonly()])

    def alignment(self, call: Call) -> Reply:
        views = [*call.buffers, call.allocate(100), call.allocate(100_000), call.allocate(99_999)]
        addresses = [
            ctypes.addressof(ctypes.c_char.from_buffer(view)) for view in views if not view.readonly
        ]
        for view in call.buffers:
            assert view.readonly
        return Reply(json.dumps([address % 64 for address in addresses]).encode())

    def big_header(self, call: Call, size: int) -> Reply:
        return Reply(b"h" * size)

    def events(self, call: Call, count: int, size: int) -> Reply:
        for index in range(count):
            call.emit(index.to_bytes(4, "little") + bytes(size))
        return Reply(b"")

    def too_many_events(self, call: Call) -> Reply:
        try:
            while True:
                call.emit(b"x" * 1000)
        except EventsTooLarge as error:
            return Reply(str(error.limit).encode())

    def ask(self, call: Call, questions: list[str]) -> Reply:
        return Reply(b"".join(call.call(question.encode()) for question in questions))

    def post(self, call: Call, questions: list[str]) -> Reply:
        """Ask all at once, and one more when the last is left; the answers as they come."""
        open_ = {call.post(question.encode()): question for question in questions}
        found: list[str] = []
        one_more = True
        while open_:
            call.listen(10)
            for token in list(open_):
                if (answer := call.answer(token)) is not None:
                    found.append(f"{open_.pop(token)}={answer.decode()}")
            if one_more and len(open_) == 1:
                one_more = False
                open_[call.post(b"")] = ""
        return Reply(json.dumps(found).encode())

    def post_and_leave(self, call: Call) -> Reply:
        call.post(b"slow")
        call.call(b"quick")
        return Reply(b"left")

    def pid(self, call: Call) -> Reply:
        return Reply(str(os.getpid()).encode())

    def birth(self, call: Call) -> Reply:
        """By whom this was imported, whose child this is, and whether the C library knows it."""
        main = cast(int, threading.main_thread().ident)
        found = {"importer": IMPORTED_BY, "parent": os.getppid(), "known": False}

        def ask() -> None:
            signal.pthread_kill(main, 0)  # to the number that the library has kept
            found["known"] = True

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return Reply(json.dumps(found).encode())

    def fail(self, call: Call) -> Reply:
        raise ValueError("a secret of the handler")

    def keep(self, call: Call) -> Reply:
        self.kept += call.buffers
        self.kept += [view[:10] for view in call.buffers]
        return Reply(b"")

    def allocate_too_much(self, call: Call) -> Reply:
        try:
            call.allocate(call.reply_limit + 1)
        except ReplyTooLarge as error:
            return Reply(f"{error.size} {error.limit}".encode())
        raise AssertionError

    def wait_for_cancel(self, call: Call, then: str) -> Reply:
        call.emit(b"here")
        call.cancelled.wait()
        if then == "go on":
            threading.Event().wait()
        return Reply(b"cancelled")

    def meet(self, call: Call, parties: int) -> Reply:
        """Return only when ``parties`` calls are in this process at once."""
        barrier = self.__dict__.setdefault("barrier", threading.Barrier(parties))
        barrier.wait(10)
        reply = call.call(b"who")
        view = call.allocate(200_000)
        view[:] = reply * (200_000 // len(reply))
        return Reply(reply, [view])

    def burn(self, call: Call, cpu_ms: int) -> Reply:
        end = time.process_time() + cpu_ms / 1000
        while time.process_time() < end:
            pass
        return Reply(b"")

    def environment(self, call: Call) -> Reply:
        files = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
        found = {
            "variables": sorted(os.environ),
            "files": files,
            "group": os.getpgrp() == os.getpid() == os.getsid(0),
            "core": "asyncio" in sys.modules,
        }
        return Reply(json.dumps(found).encode())

    # Bad ends

    def hang(self, call: Call) -> Reply:
        call.emit(b"here")
        threading.Event().wait()
        raise AssertionError

    def hold(self, call: Call) -> Reply:
        """Hang in native code with the interpreter's lock held."""
        call.emit(b"here")
        ctypes.PyDLL(None).pause()
        raise AssertionError

    def die(self, call: Call, how: str) -> Reply:
        call.emit(b"here")
        if how == "segv":
            ctypes.string_at(0)
        elif how == "exit":
            sys.exit(5)
        else:
            os.kill(os.getpid(), getattr(signal, how))
        raise AssertionError

    def doomed(self, call: Call, marks: str, name: str, parties: int, how: str = "") -> Reply:
        """Wait for the others, the first time; then die by ``how`` (every time), or hang; the
        second time give how many others are here."""
        mark = Path(marks) / name
        first = not mark.exists()
        barrier = self.__dict__.setdefault("doom", threading.Barrier(parties))
        self.here = getattr(self, "here", 0) + 1
        if first:
            mark.touch()
            barrier.wait(20)
        if how == "eat":
            self.kept += [b"x" * (1 << 20) for _ in range(120)]
        elif how:
            os.kill(os.getpid(), getattr(signal, how))
        if how or first:
            threading.Event().wait()
        self.here -= 1
        return Reply(str(self.here).encode())

    def eat(self, call: Call, megabytes: int, then: str = "hang") -> Reply:
        call.emit(b"here")
        food = [b"x" * (1 << 20) for _ in range(megabytes)]
        if then == "hang":
            threading.Event().wait()
        elif then == "nap":
            time.sleep(0.05)
        return Reply(str(len(food)).encode())

    def hoard(self, call: Call, megabytes: int) -> Reply:
        self.kept += [b"x" * (1 << 20) for _ in range(megabytes)]
        return Reply(b"")

    def leave_child(self, call: Call) -> Reply:
        child = subprocess.Popen(["sleep", "600"])
        call.emit(str(child.pid).encode())
        threading.Event().wait()
        raise AssertionError

    # Attacks

    def attack(self, call: Call, how: str) -> Reply:
        me = call.id
        done = DONE_PREFIX.pack(0, 1)
        if how == "garbage":
            send_raw(bytes(range(256)) * 16)
        elif how == "huge length":
            send_raw(HEADER.pack(0xFFFFFFFF, Kind.DONE, 0, 0, me))
        elif how == "unknown kind":
            send_raw(frame(99, me))
        elif how == "front's kind":
            send_raw(frame(Kind.START, me, bytes(64)))
        elif how == "unknown id":
            send_raw(frame(Kind.DONE, me + 1000, pack_parts(done, [b""])))
        elif how == "ready again":
            send_raw(frame(Kind.READY, 0, b"{}"))
        elif how == "done twice":
            send_raw(2 * frame(Kind.DONE, me, pack_parts(done, [b"first"])))
        elif how == "short done":
            send_raw(frame(Kind.DONE, me, b"123"))
        elif how == "unknown flags":
            send_raw(frame(Kind.DONE, me, pack_parts(done, [b""]), flags=0xFF))
        elif how == "no parts":
            send_raw(frame(Kind.DONE, me, DONE_PREFIX.pack(0, 0)))
        elif how == "a million parts":
            send_raw(frame(Kind.DONE, me, DONE_PREFIX.pack(0, 1_000_000)))
        elif how == "part beyond the frame":
            send_raw(frame(Kind.DONE, me, pack_parts(done, [Part(0, 0, 1 << 40)])))
        elif how == "foreign segment":
            send_raw(frame(Kind.DONE, me, pack_parts(done, [Part(77, 0, 10)])))
        elif how == "offset beyond the segment":
            call.allocate(100_000)
            send_raw(frame(Kind.DONE, me, pack_parts(done, [Part(1, 1 << 63, 10)])))
        elif how == "over the reply's limit":
            call.allocate(call.reply_limit)
            parts = [Part(1, 0, call.reply_limit)] * 2
            send_raw(frame(Kind.DONE, me, pack_parts(DONE_PREFIX.pack(0, 2), parts)))
        elif how == "needs too much":
            send_raw(frame(Kind.NEED, me, NEED.pack(1, 1 << 62)))
        elif how == "needs nothing":
            send_raw(frame(Kind.NEED, me, NEED.pack(1, 0)))
        elif how in ("needs without end", "needs many"):
            size = 1 << 20 if how == "needs without end" else 1
            for token in range(1 << 12, 1 << 20):
                send_raw(frame(Kind.NEED, me, NEED.pack(token, size)))
        elif how == "floods with events":
            while True:
                send_raw(frame(Kind.EVENT, me, b""))
        elif how == "floods with calls":
            for token in range(1 << 12, 1 << 20):
                send_raw(frame(Kind.CALL, me, TOKEN.pack(token)))
        elif how == "reads no answers":
            for token in range(1 << 12, (1 << 12) + 10):
                send_raw(frame(Kind.CALL, me, TOKEN.pack(token)))
        elif how == "closes its socket":
            os.close(int(sys.argv[1]))
        threading.Event().wait()
        raise AssertionError
