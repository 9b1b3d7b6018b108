"""The front's side of a zygote: a process that has imported what workers need, and forks them.

Rules: pools of one loop whose workers want the same modules in the same environment share one, from
the first that takes it until the last that gives it back; one that is not ready by then comes all
the same, for whoever lost patience to try again. Whoever asks for a worker while there is no zygote
(it begins, it cannot be, it has died) gets none, and starts a fresh interpreter instead: a zygote
saves memory and time, and nothing stands on it. One that died is made again when it is next asked
for, one that never became ready after a while, and one that cannot fork never.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

from mesh_service import logs

from .zygote_process import NO, READY

_READY_S = 60.0
_ANSWER_S = 1.0  # a fork takes some milliseconds; the loop waits for it, as it does for a spawn
_KEPT_S = 10.0
"""How long one that came too late for all who had taken it waits for others."""
_AGAIN_S, _AGAIN_MOST_S = 30.0, 600.0
_PASSING = (errno.EAGAIN, errno.ENOMEM)
_Key = tuple[asyncio.AbstractEventLoop, tuple[str, ...], tuple[tuple[str, str], ...]]
_shared: dict[_Key, Zygote] = {}


def take(modules: tuple[str, ...], env: Mapping[str, str]) -> Zygote:
    """That of these modules and this whole environment, on this loop; to be given back."""
    key = (asyncio.get_running_loop(), modules, tuple(sorted(env.items())))
    zygote = _shared.get(key)
    if zygote is None:
        zygote = _shared[key] = Zygote(key)
    zygote.users += 1
    return zygote


class Zygote:
    """One process, or the want of it."""

    def __init__(self, key: _Key) -> None:
        self.users = 0
        self._key = key
        self._loop = key[0]
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[Callable[[], None]] = []
        self._ready = False
        self._asked = False  # for a worker, and not answered yet
        self._hopeless = False
        self._failures = 0
        self._again_at = 0.0
        self._begin()

    def when_settled(self, then: Callable[[], None]) -> None:
        """Call ``then`` as soon as it is ready, or will not be for now: perhaps at once."""
        if self._process is None or self._ready:
            then()
        else:
            self._waiting.append(then)

    def fork(self, data: socket.socket, control: socket.socket, target: str) -> int | None:
        """Make a worker with these two; its number, or None: there is no zygote for it.

        Raises OSError: it does not answer, and may have made one all the same.
        """
        if self._process is None and not self._hopeless and time.monotonic() >= self._again_at:
            self._begin()
        if not self._ready:
            return None
        try:
            socket.send_fds(self._socket, [target.encode()], [data.fileno(), control.fileno()])
        except OSError as error:
            self._end(f"it does not listen: {error}")
            return None
        self._asked = True
        try:
            self._socket.settimeout(_ANSWER_S)
            answer = self._socket.recv(4096)
            self._socket.setblocking(False)
            if not answer:
                raise ConnectionError("it has ended")
        except OSError as error:
            self._end(f"it does not answer: {error}")
            raise OSError("no answer of the process that forks workers") from error
        self._asked = False
        if answer.isdigit():
            return int(answer)
        number, _, why = answer.removeprefix(NO).partition(b" ")
        if int(number) not in _PASSING:
            self._refuse(why.decode(errors="replace"))
        return None

    def give_back(self) -> None:
        """Use it no more: the last one ends it."""
        self.users -= 1
        if self._ready or self._process is None:
            self._close()

    def _close(self) -> None:
        """End it, if nobody uses it."""
        if not self.users:
            self._hopeless = True
            self._forget()
            self._end("")

    def _forget(self) -> None:
        """Let the next who takes one have another."""
        if _shared.get(self._key) is self:
            del _shared[self._key]

    def _begin(self) -> None:
        try:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                arguments = (str(theirs.fileno()), str(os.getpid()), *self._key[1])
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "mesh_service.pool.zygote_process", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # the front's stdout is its owner's
                    pass_fds=(theirs.fileno(),),
                    env=dict(self._key[2]),
                    start_new_session=True,
                )
        except OSError as error:
            self._put_off(str(error))
            return
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket.fileno(), self._on_readable)
        self._late = self._loop.call_later(_READY_S, self._end, "not ready in time")

    def _on_readable(self) -> None:
        """Hear that it is ready, or has ended: answers are read where they are asked for."""
        try:
            heard = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        if heard.startswith(READY):
            with contextlib.suppress(ChildProcessError):  # where nobody's children are kept
                os.waitpid(int(heard.removeprefix(READY)), 0)  # its trial, which has ended
            self._late.cancel()
            self._ready = True
            self._failures = 0
            self._settle()
            if not self.users:
                self._loop.call_later(_KEPT_S, self._close)
        elif heard:
            self._refuse(heard.removeprefix(NO).partition(b" ")[2].decode(errors="replace"))
        else:
            self._end("it has ended")

    def _refuse(self, why: str) -> None:
        """It cannot fork, and no other could."""
        self._hopeless = True
        self._end(why)

    def _put_off(self, why: str) -> None:
        """There is none now; after a while there may be."""
        self._again_at = time.monotonic() + min(_AGAIN_S * 2**self._failures, _AGAIN_MOST_S)
        self._failures = min(self._failures + 1, 20)
        _tell(why)

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()

    def _end(self, why: str) -> None:
        """End the process. The workers that it has made are the front's, and stay."""
        if self._process is None:
            return
        process, self._process = self._process, None
        ready, self._ready = self._ready, False
        if why and (ready or self._hopeless):
            _tell(why)
        elif why:
            self._put_off(why)
        self._late.cancel()
        self._loop.remove_reader(self._socket.fileno())
        process.kill()  # alone: what it has just forked may still be in its group
        process.wait()
        if self._asked:
            self._collect()
        self._socket.close()
        self._settle()
        if not self.users:
            self._forget()

    def _collect(self) -> None:
        """End the worker of an answer that nobody waited for any more."""
        self._asked = False
        self._socket.setblocking(False)
        with contextlib.suppress(OSError):
            answer = self._socket.recv(4096)
            if answer.isdigit():
                os.kill(int(answer), signal.SIGKILL)
                os.waitpid(int(answer), 0)


def _tell(why: str) -> None:
    """Workers are fresh interpreters for now."""
    logs.event("no zygote", level=logging.WARNING, why=why)
