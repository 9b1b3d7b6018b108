"""What goes on: streams, jobs, sessions, functions that are shipped, registered algorithms."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest

from edgemesh_client import (
    AsyncClient,
    AsyncJob,
    AsyncRemote,
    AsyncSession,
    Client,
    DeadlineExceeded,
    InvalidRequest,
    Job,
    JobState,
    MeshError,
    Moved,
    NotFound,
    Outcome,
    ProgramRaised,
    Remote,
    Result,
    Session,
    SourceUnfit,
    Text,
)

pytestmark = pytest.mark.needs("pywasm")
FACTOR = 3


def times(x: float) -> float:
    return FACTOR * x


def hypotenuse(a: float, b: float) -> float:
    return math.hypot(times(a), times(b)) / FACTOR


def where_it_goes(path: str) -> Any:
    return CLIENTS[path]  # a global that cannot come along


CLIENTS: dict[str, Any] = {"a": object()}


def test_a_stream_tells_what_is_printed_and_ends_with_the_result(client: Client) -> None:
    events = list(client.stream("python.run", code="for n in range(2): print(n, flush=True)\n7"))
    assert "".join(str(event) for event in events if isinstance(event, Text)) == "0\n1\n"
    last = events[-1]
    assert isinstance(last, Result)
    assert last.value == 7
    assert [isinstance(event, Result) for event in events].count(True) == 1


def test_who_stops_listening_ends_the_work(client: Client) -> None:
    for event in client.stream("python.run", code="while True: print('x', flush=True)"):
        assert str(event).startswith("x")
        break
    assert client.run("1").value == 1


@pytest.mark.needs("ml")
def test_tokens_stream(client: Client) -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    events = list(client.stream("ml.chat", messages=messages, max_tokens=4))
    assert isinstance(events[-1], Result)
    assert len(events) > 1


def test_a_job_is_a_future(client: Client) -> None:
    job = client.submit("python.run", code="print('in'); 6 * 7", inputs={})
    assert job.result(timeout=30).value == 42
    assert job.done()
    states = [event.state for event in job.events() if isinstance(event, Moved)]
    assert states[0] is JobState.QUEUED
    assert states[-1] is JobState.SUCCEEDED
    again = client.job(job.id)
    assert again.info.state is JobState.SUCCEEDED
    assert job.id in [each.id for each in client.jobs(states=[JobState.SUCCEEDED])]
    job.delete()
    with pytest.raises(NotFound) as gone:
        job.refresh()
    assert gone.value.reason == "UNKNOWN_JOB"


def test_jobs_fail_are_cancelled_and_are_one_by_their_name(client: Client) -> None:
    failed = client.submit("python.run", code="1 / 0", request_id="once")
    assert client.submit("python.run", code="1 / 0", request_id="once").id == failed.id
    with pytest.raises(ProgramRaised, match="ZeroDivisionError"):
        failed.result(timeout=30)
    endless = client.submit("python.run", code="while True: pass")
    with pytest.raises(DeadlineExceeded, match="the job is"):
        endless.wait(timeout=0.05)
    endless.cancel()
    with pytest.raises(MeshError) as ended:
        endless.result(timeout=30)
    assert ended.value.code == "CANCELLED"


def test_a_session_goes_on_is_forked_and_taken_back(client: Client) -> None:
    with client.session() as session:
        session.run("def f(n): return n + x\nx = 1")
        assert session.call("f", 2) == 3
        with session.fork() as fork:
            fork.run("x = 10")
            assert fork.call("f", 2) == 12
        assert session.undo().calls == 1
        (x,) = [each for each in session.inspect() if each.name == "x"]
        assert x.type == "int"
        data = session.export()
        with client.import_session("imported", data) as twin:
            assert twin.run("x").value == 1
            twin.delete()
        assert session.reset().calls == 0
        with pytest.raises(ProgramRaised, match="NameError"):
            session.run("x")
        name = session.name
        assert name in [each.name for each in client.sessions()]
    assert name not in [each.name for each in client.sessions()]
    assert "imported" not in [each.name for each in client.sessions()]


def test_a_named_session_stays(client: Client) -> None:
    with client.session("stays") as session:
        session.run("x = 5")
    with client.session("stays", delete=True) as session:
        assert session.run("x").value == 5
    with pytest.raises(NotFound):
        client.session("stays").info()


def test_a_function_runs_in_the_sandbox_with_what_it_uses(client: Client) -> None:
    @client.remote
    def python() -> str:
        import sys

        return sys.platform

    assert python() == "wasi"
    assert python.local() != "wasi"
    remote = client.remote(hypotenuse)
    assert remote(3, 4) == 5.0
    assert "import math" in remote.code
    assert "FACTOR = 3" in remote.code
    assert remote.submit(3, b=4).result(timeout=30).value == 5.0


def test_a_map_gives_values_in_order_and_names_the_item_that_failed(client: Client) -> None:
    @client.remote
    def inverse(x: Any, scale: float = 1.0) -> Any:
        return scale / x

    assert inverse.map([1, 2, 4], scale=2.0) == [2.0, 1.0, 0.5]
    arrays = inverse.map([np.array([1.0, 2.0]), np.array([4.0])])
    assert [array.tolist() for array in arrays] == [[1.0, 0.5], [0.25]]
    with pytest.raises(ProgramRaised, match=r"^item 1: EXCEPTION: ZeroDivisionError"):
        inverse.map([1, 0, 2])
    outcomes = [each.outcome for each in inverse.map([1, 0], check=False)]
    assert outcomes == [Outcome.OK, Outcome.EXCEPTION]


def test_what_cannot_be_shipped_is_told_at_the_decorator(client: Client) -> None:
    with pytest.raises(SourceUnfit, match="uses the global 'CLIENTS'"):
        client.remote(where_it_goes)
    captured = object()

    def closing() -> object:
        return captured

    with pytest.raises(SourceUnfit, match="closes over captured"):
        client.remote(closing)
    with pytest.raises(SourceUnfit, match="lambda"):
        client.remote(lambda: 1)
    with pytest.raises(SourceUnfit, match="no function written in Python"):
        client.remote(math.sqrt)


def test_dependencies_are_an_environment_made_once(client: Client) -> None:
    @client.remote(dependencies=["humanize==4.*"])
    def size(n: int) -> str:
        import humanize  # pyright: ignore[reportMissingImports]

        return humanize.naturalsize(n)

    assert size(10**9) == "1.0 GB"
    assert size.map([10**3, 10**6]) == ["1.0 kB", "1.0 MB"]
    (environment,) = [each for each in client.environments() if "humanize" in each.packages]
    with pytest.raises(InvalidRequest) as refused:
        client.environment(["no such requirement"])
    assert "dependencies" in next(iter(refused.value.fields))
    client.delete_environment(environment.id)


def test_a_function_is_registered_and_called_by_name(client: Client) -> None:
    made = client.register(hypotenuse)
    assert made.name == "python.hypotenuse"
    assert client.compute("python.hypotenuse", a=3, b=4).value == 5.0
    assert client.delete_algorithm("python.hypotenuse") == [f"python.hypotenuse@{made.version}"]
    with pytest.raises(InvalidRequest) as refused:
        client.register(name="bad", code="def bad(:\n")
    assert "line 1" in refused.value.fields["code"]


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    assert (await aclient.run("6 * 7")).value == 42
    remote = aclient.remote(hypotenuse)
    assert await remote(3, 4) == 5.0
    async with aclient.session() as session:
        await session.run("x = 1")
        assert (await session.run("x")).value == 1
    job = await aclient.submit("python.run", code="1")
    assert (await job.result(30)).value == 1
    assert [type(e) async for e in aclient.stream("python.run", code="1")] == [Result]


PAIRS = [(Client, AsyncClient), (Job, AsyncJob), (Session, AsyncSession), (Remote, AsyncRemote)]


@pytest.mark.parametrize(("sync", "asyncio_"), PAIRS)
def test_both_clients_have_the_same_surface(sync: type, asyncio_: type) -> None:
    def surface(kind: type) -> dict[str, list[tuple[str, Any]]]:
        return {
            name: [(p.name, p.default) for p in inspect.signature(member).parameters.values()]
            for name, member in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    inside = {"environment_of"}  # what only the client's own parts use
    assert surface(sync) == {k: v for k, v in surface(asyncio_).items() if k not in inside}
