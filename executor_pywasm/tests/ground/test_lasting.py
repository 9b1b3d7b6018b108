"""Sessions and maps in an environment: its packages are there from the first call to the last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import compute_pb2, session_pb2, session_pb2_grpc
from fetcher.servers import Index, served

from edgemesh_sandbox.built import Built
from ground.executor import Executor, Refusal, value

COUNTS = "import random\nX = 1\nat_import = random.random()"
_PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def executor(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    assert built
    index = Index()
    index.add("counts", {"counts.py": COUNTS})
    index.add("other", {"other.py": ""})
    with served(index) as url:
        cache = tmp_path_factory.mktemp("cache")
        env = {"UV_DEFAULT_INDEX": f"{url}/simple"}
        free = {"fetch_networks": ["127.0.0.0/8"], "fetch_plain_http": True}
        with Executor(cache, env, session_dir=cache / "kept", **free) as running:
            yield running


@pytest.fixture(scope="module")
def environment(executor: Executor) -> str:
    return executor.environment("counts")[0].id


def run(
    executor: Executor, session: str, code: str, environment: str = "", **parameters: Any
) -> compute_pb2.ComputeResponse:
    named = {"environment": environment} if environment else {}
    return executor.execute("python.run", {"code": code, **named, **parameters}, session_id=session)


def ask(executor: Executor, method: str, session: str, **fields: Any) -> Any:
    with grpc.insecure_channel(executor.address) as channel:
        stub: Any = session_pb2_grpc.SessionServiceStub(channel)
        request = getattr(session_pb2, f"{method}Request")(session_id=session, **fields)
        return getattr(stub, method)(request, timeout=_PATIENCE_S)


def refusal(call: Any) -> Refusal:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return Refusal(caught.value)


def test_a_session_is_made_in_an_environment_and_stays_in_it(
    executor: Executor, environment: str
) -> None:
    made = "import counts\ncounts.X += 1\nn = counts.X\nn"
    assert value(run(executor, "a", made, environment)) == 2
    assert value(run(executor, "a", "counts.X += 1; counts.X", environment)) == 3
    assert value(run(executor, "a", "counts.X + n")) == 5
    assert ask(executor, "GetSession", "a").session.environment == environment
    assert value(run(executor, "b", "import counts\ncounts.X", environment)) == 1


def test_it_is_taken_back_emptied_and_forked_with_its_packages(
    executor: Executor, environment: str
) -> None:
    for number in range(14):  # more than are kept one by one
        code = "import counts\ncounts.X += 1\ncounts.X"
        assert value(run(executor, "c", code, environment)) == number + 2
    ask(executor, "ForkSession", "c", fork_id="d")
    assert value(run(executor, "d", "counts.X")) == 15
    ask(executor, "UndoSession", "c", calls=3)
    assert value(run(executor, "c", "counts.X")) == 12
    for session in ("c", "d"):
        ask(executor, "ResetSession", session)
        assert value(run(executor, session, "import counts\ncounts.X")) == 1
        assert ask(executor, "GetSession", session).session.environment == environment


def test_all_calls_can_be_taken_back(executor: Executor, environment: str) -> None:
    assert value(run(executor, "e", "import counts\ncounts.X = 5\ncounts.X", environment)) == 5
    assert ask(executor, "GetSession", "e").session.undoable == 1
    ask(executor, "UndoSession", "e", calls=1)
    assert value(run(executor, "e", "import counts\ncounts.X")) == 1


def test_random_numbers_are_each_sessions_own(executor: Executor, environment: str) -> None:
    code = "import counts, random\n[counts.at_import, random.random()]"
    (same, one), (again, other) = (
        value(run(executor, session, code, environment)) for session in ("f", "g")
    )
    assert same == again
    assert one != other


def test_it_goes_on_where_another_executor_has_its_folder(
    built: Built, executor: Executor, environment: str, tmp_path: Path
) -> None:
    assert built
    assert value(run(executor, "h", "import counts\nkept = counts.X + 1\nkept", environment)) == 2
    data = ask(executor, "ExportSession", "h").data
    with Executor(tmp_path, session_dir=tmp_path / "kept") as elsewhere:  # knows no environment
        ask(elsewhere, "ImportSession", "h", data=data)
        assert value(run(elsewhere, "h", "counts.X + kept")) == 3


def test_another_environment_than_its_own_is_refused(executor: Executor, environment: str) -> None:
    other = executor.environment("other")[0].id
    run(executor, "i", "x = 1", environment)
    run(executor, "j", "x = 1")
    for session, given, own in (("i", other, environment), ("j", environment, "none")):
        said = refusal(lambda session=session, given=given: run(executor, session, "1", given))
        assert said.fields == {"parameters.environment": f"{own}, in which the session was made"}
        assert value(run(executor, session, "x")) == 1


def test_a_session_that_was_made_empty_takes_one(executor: Executor, environment: str) -> None:
    ask(executor, "CreateSession", "k")
    assert value(run(executor, "k", "import counts\ncounts.X", environment)) == 1
    ask(executor, "CreateSession", "l", deterministic=True)
    for session in ("l", "m"):
        said = refusal(
            lambda session=session: run(
                executor, session, "1", environment, deterministic=session == "m"
            )
        )
        assert list(said.fields) == ["parameters.deterministic"]
    assert refusal(lambda: ask(executor, "GetSession", "m")).reason == "UNKNOWN_SESSION"


def test_a_call_that_is_not_kept_leaves_it_in_its_environment(
    executor: Executor, environment: str
) -> None:
    late = executor.execute(
        "python.run",
        {"code": "while True: pass", "environment": environment},
        session_id="n",
        limits=compute_pb2.Limits(run_time_ms=200),
    )
    assert late.outcome == compute_pb2.OUTCOME_TIMEOUT
    assert value(run(executor, "n", "import counts\ncounts.X")) == 1


def test_a_program_takes_no_session(executor: Executor) -> None:
    digest = executor.put(executor.prepare("def f(): return 1").program)
    said = refusal(
        lambda: executor.execute(
            "python.f@1", {}, session_id="o", metadata=(("edgemesh-program", digest),)
        )
    )
    assert "begins each time where its set-up ended" in said.fields["session_id"]


def test_each_item_of_a_map_has_the_packages(executor: Executor, environment: str) -> None:
    parameters = {
        "code": "import counts\ndef f(n):\n    counts.X += n\n    return counts.X",
        "function": "f",
        "items": list(range(6)),
        "environment": environment,
    }
    answers = value(executor.execute("python.map", parameters))
    assert [answer["result"] for answer in answers] == [1 + n for n in range(6)]
    unknown = refusal(
        lambda: executor.execute("python.map", parameters | {"environment": "0" * 64})
    )
    assert unknown.reason == "UNKNOWN_ENVIRONMENT"
    without = json.loads(json.dumps({k: v for k, v in parameters.items() if k != "environment"}))
    answers = value(executor.execute("python.map", without))
    assert {answer["failure"]["type"] for answer in answers} == {"ModuleNotFoundError"}
