"""Streams: what happens while work runs, and its result at the end."""

from __future__ import annotations

import pytest

from edgemesh_client import AsyncClient, Client, ProgramRaised, Result, Text, TimeLimit, Token

pytestmark = pytest.mark.needs("pywasm")

COUNTING = "for n in range(3): print(n, flush=True)\n'done'"


def test_what_is_printed_comes_as_it_is_printed(client: Client) -> None:
    printed = ""
    for event in client.stream("python.run", code=COUNTING):
        if isinstance(event, Text):
            printed += event.text
        elif isinstance(event, Result):  # the last, and only the last
            assert event.value == "done"
    assert printed == "0\n1\n2\n"


def test_stdout_and_stderr_are_told_apart(client: Client) -> None:
    code = "import sys\nprint('out', flush=True)\nprint('err', file=sys.stderr, flush=True)"
    told = [event for event in client.stream("python.run", code=code) if isinstance(event, Text)]
    assert {(str(event).strip(), event.stderr) for event in told} == {("out", False), ("err", True)}


def test_leaving_the_loop_ends_the_work(client: Client) -> None:
    for event in client.stream("python.run", code="while True: print('on and on', flush=True)"):
        assert str(event).startswith("on")
        break
    assert client.run("'free again'").value == "free again"


def test_a_failure_is_raised_after_what_was_printed(client: Client) -> None:
    events = client.stream("python.run", code="print('so far', flush=True)\n1 / 0")
    assert str(next(events)) == "so far\n"
    with pytest.raises(ProgramRaised, match="ZeroDivisionError"):
        next(events)

    # Or told as the last event, where one would rather look.
    *_, last = client.stream("python.run", code="1 / 0", check=False)
    assert isinstance(last, Result)
    assert not last.ok


def test_a_stream_has_a_deadline(client: Client) -> None:
    with pytest.raises(TimeLimit):
        list(client.stream("python.run", code="while True: pass", timeout=1.0))


@pytest.mark.needs("ml")
def test_a_language_model_streams_tokens(client: Client) -> None:
    messages = [{"role": "user", "content": "Say hello."}]
    *told, last = client.stream("ml.chat", messages=messages, max_tokens=4)
    assert all(isinstance(event, Token) for event in told)
    assert isinstance(last, Result)
    assert 1 <= last.usage.output_tokens <= 4


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    told = [
        str(e) async for e in aclient.stream("python.run", code=COUNTING) if isinstance(e, Text)
    ]
    assert "".join(told) == "0\n1\n2\n"
