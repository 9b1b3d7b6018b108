"""What is tried with sessions: others', damaged ones, too many, too large, and all at once."""

from __future__ import annotations

import hashlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from scenario import Came, Scenario, Wrong, answered, asking
from sessions.executor import Caller, Executor

MOST = 20
"""Sessions of a tenant, here."""
_MOST_BYTES = 24 << 20
"""What one may take on disk, here."""


class SessionStage:
    """An executor with small quotas; ann, who has a session; eve, who attacks."""

    def __enter__(self) -> Self:
        self._undo = ExitStack()
        self.folder = Path(self._undo.enter_context(tempfile.TemporaryDirectory()), "s")
        settings = {"max_sessions": MOST, "max_session_bytes": _MOST_BYTES}
        self.executor = self._undo.enter_context(Executor(self.folder, **settings))
        self.connect()
        self.ann.value(
            "hers", "secret = 41; seen = 0\ndef g():\n  while True: yield secret\nh = g()"
        )
        self._looked = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.ann.close()
        self.eve.close()
        self._undo.close()

    def connect(self) -> None:
        """Anew, where the executor was started again."""
        self.ann, self.eve = self.executor.caller("ann"), self.executor.caller("eve")

    def honest(self) -> list[str]:
        """What ann does not find in her session as she left it, and a newcomer in a new one."""
        self._looked += 1
        wrong: list[str] = []
        found = self.ann.value("hers", "seen += 1; [next(h), seen]")
        if found != [41, self._looked]:
            wrong.append(f"ann's session has {found}, not {[41, self._looked]}")
        for session in self.eve.ask("ListSessions").sessions:
            self.eve.ask("DeleteSession", session.session_id)
        if self.eve.value("new", "sorted(k for k in globals() if k[0] != '_')") != ["inputs"]:
            wrong.append("a new session is not empty")
        self.eve.ask("DeleteSession", "new")
        return wrong


def _of_another_tenant(stage: SessionStage) -> Came:
    came: Came = "", ""
    for method, fields in {
        "GetSession": {},
        "InspectSession": {},
        "ExportSession": {},
        "ForkSession": {"fork_id": "mine"},
        "UndoSession": {"calls": 1},
        "ResetSession": {},
        "DeleteSession": {},
    }.items():
        came = asking(lambda m=method, f=fields: stage.eve.ask(m, "hers", **f))  # type: ignore[misc]
        if came != ("UNKNOWN_SESSION", came[1]):
            raise Wrong(f"{method}: {came}")
    if stage.eve.value("hers", "'secret' in globals()"):
        raise Wrong("eve sees ann's variables")
    return came


def _exported(stage: SessionStage) -> bytearray:
    stage.eve.value("source", "x = list(range(10_000))")
    return bytearray(stage.eve.ask("ExportSession", "source").data)


def _of_another_image(stage: SessionStage) -> Came:
    """Sound in itself: the image that it stands on is not there."""
    data = _exported(stage)[:-32]
    data[12:44] = bytes(32)
    data += hashlib.sha256(data).digest()
    stage.eve.ask("ImportSession", "foreign", data=bytes(data))
    return asking(lambda: stage.eve.run("foreign", "x"))


def _of_another_version(stage: SessionStage) -> Came:
    data = _exported(stage)
    data[8] = 9
    return asking(lambda: stage.eve.ask("ImportSession", "newer", data=bytes(data)))


def _flipped(stage: SessionStage) -> Came:
    data = _exported(stage)
    came: Came = "", ""
    for at in range(0, len(data), max(1, len(data) // 60)):
        data[at] ^= 1 << at % 8
        came = asking(lambda: stage.eve.ask("ImportSession", "bad", data=bytes(data)))
        if came[0] not in ("INVALID_REQUEST", "UNUSABLE_SESSION"):
            raise Wrong(f"a bit of byte {at}: {came}")
        data[at] ^= 1 << at % 8
    return came


def _cut_off(stage: SessionStage) -> Came:
    data = bytes(_exported(stage))
    came: Came = "", ""
    for length in (0, 1, 8, 44, len(data) // 2, len(data) - 1):
        came = asking(lambda n=length: stage.eve.ask("ImportSession", "bad", data=data[:n]))  # type: ignore[misc]
        if came[0] != "INVALID_REQUEST":
            raise Wrong(f"{length} bytes of it: {came}")
    return came


def _flipped_on_disk(stage: SessionStage) -> Came:
    before = set(stage.folder.glob("*/*.session"))
    stage.eve.value("kept", "x = 'y' * 100_000")
    (file,) = set(stage.folder.glob("*/*.session")) - before
    stage.executor.kill()
    data = bytearray(file.read_bytes())
    if b"yyyy" in data:
        raise Wrong("it lies there for all to read")
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    stage.executor.start()
    stage.connect()
    return asking(lambda: stage.eve.run("kept", "x"))


def _a_fork_of_a_fork(stage: SessionStage) -> Came:
    stage.eve.value("f0", "x = 0")
    for number in range(1000):
        ids = f"f{number}", f"f{number + 1}"
        came = asking(lambda a=ids[0], b=ids[1]: stage.eve.ask("ForkSession", a, fork_id=b))  # type: ignore[misc]
        if came[0] != "OK":
            return came if number == MOST - 1 else ("", f"after {number}: {came}")
    return "OK", ""


def _a_line_of_forks(stage: SessionStage) -> Came:
    """Each deletes what it was forked from, so that no quota ends it."""
    stage.eve.value("f0", "x = 0")
    for number in range(1000):
        stage.eve.ask("ForkSession", f"f{number}", fork_id=f"f{number + 1}")
        stage.eve.ask("DeleteSession", f"f{number}")
    if stage.eve.value("f1000", "x += 1; x") != 1:
        raise Wrong("the thousandth has lost what the first had")
    return "OK", ""


def _grown(stage: SessionStage, code: str) -> Came:
    stage.eve.value("big", "n, kept = 0, []")
    for number in range(100):
        came = asking(lambda: _ran(stage.eve, f"n += 1; {code}"))
        if came[0] != "OK":
            n = stage.eve.value("big", "n")
            if n != number or stage.eve.value("big", "len(kept)") != number:
                raise Wrong(f"after {number} calls that ended well it has {n}")
            return came
    return "OK", ""


class _Ended(Exception):
    """A call came to an outcome that is not OK."""


def _ran(caller: Caller, code: str) -> None:
    came = answered(caller.run("big", code, limits={"memory_bytes": 96 << 20}))
    if came[0] != "OK":
        raise _Ended(*came)


def _grown_on_disk(stage: SessionStage) -> Came:
    return _grown(stage, "import os; kept.append(os.urandom(4 << 20))")


def _grown_in_memory(stage: SessionStage) -> Came:
    try:
        return _grown(stage, "kept.append(bytearray(30 << 20))")
    except _Ended as error:
        if stage.eve.value("big", "len(kept)") != stage.eve.value("big", "n"):
            raise Wrong("half of a call was kept") from None
        return error.args[0], error.args[1]


def _at_once(stage: SessionStage) -> Came:
    stage.eve.value("many", "seen = []")
    with ThreadPoolExecutor(8) as threads:
        calls = [f"seen.append({n}); len(seen)" for n in range(32)]
        lengths = sorted(threads.map(lambda code: stage.eve.value("many", code), calls))
    if lengths != list(range(1, 33)):
        raise Wrong(f"two calls ran at once: {lengths}")
    return "OK", ""


def _behind_an_endless_one(stage: SessionStage) -> Came:
    stage.eve.value("busy", "ran = []")
    endless: dict[str, Any] = {"limits": {"run_time_ms": 600}}
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(stage.eve.run, "busy", "ran.append(1)\nwhile True: pass", **endless)
        second = threads.submit(stage.eve.run, "busy", "ran.append(2)")
        came = answered(first.result())
        if answered(second.result())[0] != "OK":
            raise Wrong("the one behind it did not run")
    if stage.eve.value("busy", "ran") != [2]:
        raise Wrong("what a call did that was stopped is kept")
    return came


def _killed(stage: SessionStage) -> Came:
    stage.eve.value("dies", "x = 1")
    came = answered(stage.eve.run("dies", "x = 2; import os; os.abort()"))
    if stage.eve.value("dies", "x") != 1:
        raise Wrong("what a call did that crashed is kept")
    return came


CASES = [
    Scenario("another tenant's", _of_another_tenant, ["UNKNOWN_SESSION"], "no session 'hers'"),
    Scenario("of an image that is gone", _of_another_image, ["UNUSABLE_SESSION"], "expected image"),
    Scenario("of another version", _of_another_version, ["UNUSABLE_SESSION"], "found version 9"),
    Scenario("a flipped bit", _flipped, ["INVALID_REQUEST", "UNUSABLE_SESSION"]),
    Scenario("cut off", _cut_off, ["INVALID_REQUEST"]),
    Scenario("a flipped bit on the disk", _flipped_on_disk, ["UNUSABLE_SESSION"]),
    Scenario("a fork of a fork of a thousand", _a_fork_of_a_fork, ["QUOTA_EXCEEDED"], str(MOST)),
    Scenario("a thousand forks, one at a time", _a_line_of_forks, ["OK"], run_time_ms=60_000),
    Scenario("grown to its limit on the disk", _grown_on_disk, ["QUOTA_EXCEEDED"]),
    Scenario("grown to its limit of memory", _grown_in_memory, ["MEMORY_LIMIT"], "memory_bytes"),
    Scenario("two calls at once", _at_once, ["OK"]),
    Scenario("a call behind an endless one", _behind_an_endless_one, ["TIMEOUT"], "run_time_ms"),
    Scenario("a call that kills its worker", _killed, ["CRASH"]),
]
