"""Sessions of a real executor: they go on, whatever ends, and for their tenant only."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2
from sessions.executor import Caller, Executor, reason
from sessions.notebook import CELLS, END, plain

from edgemesh_sandbox.built import Built

COUNTING = """
import sqlite3
n = 0
db = sqlite3.connect('/tmp/a.db')
_ = db.execute('create table a (n integer)')
db.commit()
def ones():
    while True:
        yield 1
one = ones()
"""
COUNT = "n += next(one)\n_ = db.execute('insert into a values (?)', (n,)); db.commit()\nn"
LOOK = "[n, db.execute('select count(*) from a').fetchone()[0]]"


@pytest.fixture(scope="module")
def executor(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    assert built
    with Executor(tmp_path_factory.mktemp("kept") / "s", max_sessions=20) as executor:
        yield executor


@pytest.fixture(scope="module")
def ann(executor: Executor) -> Caller:
    return executor.caller()


def refusal(caller: Caller, method: str, session: str = "", **fields: Any) -> tuple[str, str]:
    """Reason and message of a call that is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        caller.ask(method, session, **fields)
    error: Any = caught.value
    return reason(error), str(error.details())


def test_calls_go_on_where_those_before_have_ended(ann: Caller) -> None:
    ann.value("on", "import json\ndef f(n): return n + 1\nx = f(1)")
    assert ann.value("on", "x = f(x); json.dumps(x)") == "3"
    assert ann.value("on", "y = 0", function="f", args=[41]) == 42
    failed = ann.run("on", "x = 7\n1 / 0")
    assert failed.outcome == compute_pb2.OUTCOME_EXCEPTION
    assert 'File "cell-4.py", line 2' in failed.failure.traceback
    assert ann.value("on", "x") == 7
    late = ann.run("on", "x = 8\nwhile True: pass", limits={"run_time_ms": 100})
    assert late.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert ann.value("on", "x") == 7
    assert ann.run("on", "x = 9; import os; os._exit(0)").outcome == compute_pb2.OUTCOME_OK
    assert ann.value("on", "x") == 7
    big = ann.run("on", "x = 9; big = bytearray(400 << 20)")
    assert big.outcome == compute_pb2.OUTCOME_MEMORY_LIMIT
    assert ann.value("on", "x") == 7


def test_a_notebook_moves_to_another_executor(built: Built, tmp_path: Path) -> None:
    moved = {10, 25, 40}
    with Executor(tmp_path / "one", workers=1, spares=0) as one:
        caller = one.caller()
        for number, (code, expected) in enumerate(CELLS):
            if number in moved - {40}:  # it sleeps, and wakes in another process
                one.kill()
                one.start()
                caller = one.caller()
            if number == 40:
                break
            assert plain(caller.value("book", code)) == expected, code
        data = caller.ask("ExportSession", "book").data
    with Executor(tmp_path / "two", workers=1, spares=0) as two:
        caller = two.caller()
        caller.ask("ImportSession", "book", data=data)
        for code, expected in [*CELLS[40:], END]:
            assert plain(caller.value("book", code)) == expected, code


@pytest.mark.timeout(900)
def test_what_was_kept_survives_kills_at_any_moment(built: Built, tmp_path: Path) -> None:
    chance = random.Random(18)
    with Executor(tmp_path / "s", workers=2, spares=2) as executor:
        caller = executor.caller()
        caller.value("s", COUNTING)
        known = caller.value("s", COUNT)
        for kill in range(100):
            whole = kill % 10 == 9

            def end(whole: bool = whole, after: float = chance.uniform(0, 0.02)) -> None:
                time.sleep(after)
                executor.process.kill() if whole else executor.kill_workers()

            killer = threading.Thread(target=end)
            killer.start()
            try:
                answer = caller.run("s", COUNT)
                answered = answer.outcome == compute_pb2.OUTCOME_OK
            except grpc.RpcError:
                answered = False
            killer.join()
            if whole:
                executor.process.communicate()
                executor.start()
                caller.close()
                caller = executor.caller()
            n, rows = caller.value("s", LOOK)
            assert n == rows
            assert n == known + 1 if answered else n in (known, known + 1), kill
            known = n
        assert known > 10


def test_calls_at_once_run_in_their_order(executor: Executor, ann: Caller) -> None:
    ann.value("many", "seen = []")
    with ThreadPoolExecutor(8) as threads:
        lengths = list(
            threads.map(lambda n: ann.value("many", f"seen.append({n}); len(seen)"), range(24))
        )
    assert sorted(lengths) == list(range(1, 25))
    assert sorted(ann.value("many", "seen")) == list(range(24))
    assert ann.ask("GetSession", "many").session.calls == 26


def test_one_that_waits_longer_than_its_caller_is_not_run(executor: Executor, ann: Caller) -> None:
    ann.value("busy", "ran = []")
    with ThreadPoolExecutor(1) as threads:
        long = threads.submit(ann.value, "busy", "import time; time.sleep(1.5); ran.append(1)")
        until = time.monotonic() + 20
        while time.monotonic() < until and not executor_is_running(ann, "busy"):
            pass
        request = compute_pb2.ComputeRequest(
            algorithm="python.run", session_id="busy", parameters='{"code": "ran.append(2)"}'
        )
        with pytest.raises(grpc.RpcError):
            ann._executor.Execute(request, metadata=ann._metadata, timeout=0.3)
        long.result()
    assert ann.value("busy", "ran") == [1]


def executor_is_running(caller: Caller, session: str) -> bool:
    """Whether a call of it has begun: it was used after it was made."""
    told = caller.ask("GetSession", session).session
    return bool(told.used_ms > told.created_ms + 1)


def test_sessions_of_others_are_not_there(executor: Executor, ann: Caller) -> None:
    ann.value("mine", "secret = 41")
    bob = executor.caller("bob")
    for method in (
        "GetSession",
        "ExportSession",
        "ResetSession",
        "DeleteSession",
        "InspectSession",
    ):
        assert refusal(bob, method, "mine") == (
            "UNKNOWN_SESSION",
            "the caller has no session 'mine'",
        )
        missing = refusal(bob, method, "never")
        assert missing == ("UNKNOWN_SESSION", "the caller has no session 'never'")
    assert list(bob.ask("ListSessions").sessions) == []
    assert bob.value("mine", "'secret' in globals()") is False
    assert ann.value("mine", "secret") == 41
    bob.ask("DeleteSession", "mine")


def test_it_is_made_looked_at_undone_and_deleted(ann: Caller) -> None:
    made = ann.ask("CreateSession", "life", deterministic=True).session
    assert (made.calls, made.deterministic) == (0, True)
    assert refusal(ann, "CreateSession", "life")[0] == "SESSION_EXISTS"
    ann.value("life", "import time, numpy as np; a = np.ones((3, 4)); t = time.time()")
    assert ann.value("life", "t < 1767225700") is True
    ann.value("life", "word = 'abc'")
    told = ann.ask("InspectSession", "life")
    by_name = {variable.name: variable for variable in told.variables}
    assert (by_name["a"].type, list(by_name["a"].shape), by_name["a"].size_bytes) == (
        "numpy.ndarray",
        [3, 4],
        96,
    )
    assert by_name["word"].length == 3
    assert told.session.calls == 3
    assert ann.ask("UndoSession", "life", calls=1).session.calls == 2
    assert ann.value("life", "'word' in globals()") is False
    assert refusal(ann, "UndoSession", "life", calls=99)[0] == "INVALID_REQUEST"
    assert ann.ask("ResetSession", "life").session.calls == 0
    assert ann.value("life", "'a' in globals()") is False
    assert "life" in [session.session_id for session in ann.ask("ListSessions").sessions]
    ann.ask("DeleteSession", "life")
    assert refusal(ann, "GetSession", "life")[0] == "UNKNOWN_SESSION"


def test_a_fork_has_all_and_numbers_of_its_own(ann: Caller) -> None:
    ann.value("stem", "import random; x = [1]")
    ann.ask("ForkSession", "stem", fork_id="branch")
    assert ann.value("branch", "x.append(2); x") == [1, 2]
    assert ann.value("stem", "x") == [1]
    assert ann.value("stem", "random.random()") != ann.value("branch", "random.random()")
    for name in ("stem", "branch"):
        ann.ask("DeleteSession", name)


def test_forks_of_forks_end_at_the_quota(executor: Executor) -> None:
    eve = executor.caller("eve")
    eve.value("f0", "x = 0")
    with pytest.raises(grpc.RpcError) as caught:  # noqa: PT012 - which of them it is
        for number in range(1000):
            eve.ask("ForkSession", f"f{number}", fork_id=f"f{number + 1}")
    assert reason(caught.value) == "QUOTA_EXCEEDED"
    assert eve.value("f19", "x") == 0
    for session in eve.ask("ListSessions").sessions:
        eve.ask("DeleteSession", session.session_id)


def test_what_is_imported_is_a_strangers(ann: Caller) -> None:
    ann.value("source", "x = 1")
    data = bytearray(ann.ask("ExportSession", "source").data)
    assert refusal(ann, "ImportSession", "bad", data=b"nonsense")[0] == "INVALID_REQUEST"
    assert refusal(ann, "ImportSession", "bad", data=bytes(data[:-1]))[0] == "INVALID_REQUEST"
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    assert refusal(ann, "ImportSession", "bad", data=bytes(flipped))[0] == "INVALID_REQUEST"
    newer = bytearray(data)
    newer[8] = 9
    assert refusal(ann, "ImportSession", "bad", data=bytes(newer)) == (
        "UNUSABLE_SESSION",
        "the session cannot go on here: expected version 1, found version 9",
    )
    ann.ask("DeleteSession", "source")


def test_one_of_another_image_says_what_was_expected(ann: Caller) -> None:
    import hashlib

    ann.value("source", "x = 1")
    data = ann.ask("ExportSession", "source").data
    other = bytearray(data[:-32])
    other[12:44] = bytes(32)
    other += hashlib.sha256(other).digest()
    ann.ask("ImportSession", "foreign", data=bytes(other))
    with pytest.raises(grpc.RpcError) as caught:
        ann.run("foreign", "x")
    error: Any = caught.value
    assert reason(error) == "UNUSABLE_SESSION"
    assert "expected image: " in error.details()
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    for name in ("source", "foreign"):
        ann.ask("DeleteSession", name)


def test_files_that_were_changed_are_refused_and_others_go_on(built: Built, tmp_path: Path) -> None:
    folder = tmp_path / "s"
    with Executor(folder, workers=1, spares=0) as executor:
        caller = executor.caller()
        caller.value("good", "x = 1")
        caller.value("bad", "x = 'y' * 1000")
        sizes = {
            session.session_id: session.stored_bytes
            for session in caller.ask("ListSessions").sessions
        }
        executor.kill()
        files = {path.stat().st_size: path for path in folder.glob("*/*.session")}
        if sizes["good"] == sizes["bad"]:
            pytest.fail("the two cannot be told apart")
        assert b"yyyy" not in files[sizes["bad"]].read_bytes()
        data = bytearray(files[sizes["bad"]].read_bytes())
        data[-100] ^= 1
        files[sizes["bad"]].write_bytes(data)
        with files[sizes["good"]].open("ab") as file:
            file.write(b"\x00\x10\x00\x00C cut off")
        executor.start()
        caller = executor.caller()
        with pytest.raises(grpc.RpcError) as caught:
            caller.run("bad", "x")
        assert reason(caught.value) == "UNUSABLE_SESSION"
        assert caller.value("good", "x += 1; x") == 2
        caller.ask("ResetSession", "bad")
        assert caller.value("bad", "'x' in globals()") is False
        assert (folder / "key").stat().st_mode & 0o077 == 0
        executor.kill()
        os.truncate(folder / "key", 0)
        (folder / "key").write_bytes(bytes(32))
        executor.start()
        assert list(executor.caller().ask("ListSessions").sessions) == []


def test_one_that_nobody_uses_ends(built: Built, tmp_path: Path) -> None:
    with Executor(tmp_path / "s", workers=1, spares=0, session_ttl_s=0.3) as executor:
        caller = executor.caller()
        caller.value("short", "x = 1")
        until = time.monotonic() + 20
        while time.monotonic() < until and list((tmp_path / "s").glob("*/*.session")):
            time.sleep(0.02)
        assert refusal(caller, "GetSession", "short")[0] == "UNKNOWN_SESSION"
        assert caller.value("short", "'x' in globals()") is False


def test_one_that_grows_past_its_bytes_is_refused_by_name(built: Built, tmp_path: Path) -> None:
    most = 2 << 20
    with Executor(tmp_path / "s", workers=1, spares=0, max_session_bytes=most) as executor:
        caller = executor.caller()
        caller.value("big", "import os; x = 1")
        with pytest.raises(grpc.RpcError) as caught:
            caller.run("big", "x = 2; rest = os.urandom(4 << 20)")
        assert reason(caught.value) == "QUOTA_EXCEEDED"
        assert caller.value("big", "x") == 1


def test_inputs_of_calls_before_stay_as_they_were(ann: Caller) -> None:
    ann.value("in", "a = inputs['v']", inputs={"v": [1, 2]})
    assert ann.value("in", "[a, inputs]", inputs={"w": 3}) == [[1, 2], {"w": 3}]
    ann.ask("DeleteSession", "in")


@pytest.mark.parametrize(
    ("parameters", "session", "field"),
    [
        ({"code": "1"}, "no/slash", "session_id"),
        ({"code": "1"}, "x" * 129, "session_id"),
        ({"code": "1", "deterministic": True}, "fixed", "deterministic"),
    ],
)
def test_wrong_requests_name_the_field(
    ann: Caller, parameters: dict[str, Any], session: str, field: str
) -> None:
    if session == "fixed":
        ann.value("fixed", "1")
    request = compute_pb2.ComputeRequest(
        algorithm="python.run", session_id=session, parameters=json.dumps(parameters)
    )
    with pytest.raises(grpc.RpcError) as caught:
        ann._executor.Execute(request, metadata=ann._metadata, timeout=60)
    assert reason(caught.value) in ("INVALID_REQUEST", "INVALID_PARAMETER")
    assert field in str(caught.value.details())


def test_a_map_has_no_session(ann: Caller) -> None:
    request = compute_pb2.ComputeRequest(
        algorithm="python.map",
        session_id="s",
        parameters='{"code": "def f(x): return x", "function": "f", "items": [1]}',
    )
    with pytest.raises(grpc.RpcError) as caught:
        ann._executor.Execute(request, metadata=ann._metadata, timeout=60)
    assert reason(caught.value) == "INVALID_REQUEST"


def test_a_worker_that_is_alone_killed_loses_nothing(executor: Executor, ann: Caller) -> None:
    ann.value("kill", COUNTING)
    for expected in range(1, 5):
        answer = ann.run("kill", COUNT)
        assert json.loads(answer.result) == expected
        os.kill(answer.usage.worker_pid, signal.SIGKILL)
    assert ann.value("kill", LOOK) == [4, 4]
    ann.ask("DeleteSession", "kill")
