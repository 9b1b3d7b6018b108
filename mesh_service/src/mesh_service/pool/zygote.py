"""The front's side of a zygote: a process that has imported what workers need, and forks them.

Rules: pools of one loop whose workers want the same modules in the same environment share one, from
the first that takes it until the last that gives it back; one that is not ready by then comes all
the same, for whoever lost patience to try again. Whoever asks for a worker while there is no zygote
(it begins, it cannot be, it has died) gets none, and starts a fresh interpreter instead: a zygote
saves memory and time, and nothing stands on it. One that died is made again when it is next asked
for, but not one that never became ready.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping

from .zygote_process import NO, READY

_log = logging.getLogger(__name__)
_READY_S = 60.0
_ANSWER_S = 1.0  # a fork takes some milliseconds; the loop waits for it, as it does for a spawn
_KEPT_S = 10.0
"""How long one that came too late for all who had taken it waits for others."""
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
        self._hopeless = False
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
        if self._process is None and not self._hopeless:
            self._begin()
        if not self._ready:
            return None
        try:
            socket.send_fds(self._socket, [target.encode()], [data.fileno(), control.fileno()])
        except OSError as error:
            self._end(f"it does not listen: {error}")
            return None
        try:
            self._socket.settimeout(_ANSWER_S)
            answer = self._socket.recv(4096)
            self._socket.setblocking(False)
            if not answer:
                raise ConnectionError("it has ended")
        except OSError as error:
            self._end(f"it does not answer: {error}")
            raise OSError("no answer of the process that forks workers") from error
        return None if answer.startswith(NO) else int(answer)

    def give_back(self) -> None:
        """Use it no more: the last one ends it."""
        self.users -= 1
        if self._ready or self._process is None:
            self._close()

    def _close(self) -> None:
        """End it, if nobody uses it."""
        if not self.users:
            self._hopeless = True
            _shared.pop(self._key, None)
            self._end("")

    def _begin(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            arguments = (str(theirs.fileno()), str(os.getpid()), *self._key[1])
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "mesh_service.pool.zygote_process", *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=2,  # the front's stdout is its owner's
                    pass_fds=(theirs.fileno(),),
                    env=dict(self._key[2]),
                    start_new_session=True,
                )
            except OSError as error:
                self._socket.close()
                _log.warning("no zygote, workers start by themselves: %s", error)
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
        if heard == READY:
            self._late.cancel()
            self._ready = True
            self._settle()
        else:
            self._end(heard.removeprefix(NO).decode() or "it has ended")

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then()
        if not self.users:
            self._loop.call_later(_KEPT_S, self._close)

    def _end(self, why: str) -> None:
        """End the process. The workers that it has made are the front's, and stay."""
        if self._process is None:
            return
        process, self._process = self._process, None
        self._hopeless |= not self._ready
        self._ready = False
        if why:
            _log.warning("a zygote is lost, workers start by themselves: %s", why)
        self._late.cancel()
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        process.kill()  # alone: what it has just forked may still be in its group
        process.wait()
        self._settle()
