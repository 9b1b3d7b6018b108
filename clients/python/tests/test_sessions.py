"""Sessions: Python that goes on from call to call."""

from __future__ import annotations

import numpy as np
import pytest

from edgemesh_client import AsyncClient, Client, NotFound, ProgramRaised, Text

pytestmark = pytest.mark.needs("pywasm")


def test_what_one_call_leaves_the_next_one_finds(client: Client) -> None:
    with client.session() as session:
        session.run("import numpy as np\nx = inputs['x']", inputs={"x": np.arange(4.0)})
        session.run("def scaled(by): return by * x.sum()")

        assert session.run("x.mean()").value == 1.5
        assert session.call("scaled", 10) == 60.0
        assert [each.name for each in session.inspect() if each.name == "x"] == ["x"]
        name = session.name

    # One without a name of its own is gone at the end.
    assert name not in [each.name for each in client.sessions()]


def test_a_failure_keeps_what_was_there(client: Client) -> None:
    with client.session() as session:
        session.run("x = 1")
        with pytest.raises(ProgramRaised, match="ZeroDivisionError"):
            session.run("1 / 0")
        assert session.run("x").value == 1


def test_a_session_is_forked_taken_back_and_emptied(client: Client) -> None:
    with client.session() as session:
        session.run("x = 1")
        with session.fork() as fork:
            fork.run("x = 10")
            assert (session.run("x").value, fork.run("x").value) == (1, 10)
        session.run("x = 2")
        session.undo()
        assert session.run("x").value == 1
        session.reset()
        with pytest.raises(ProgramRaised, match="NameError"):
            session.run("x")


def test_one_with_a_name_stays_and_is_found_again(client: Client) -> None:
    with client.session("kept") as session:
        session.run("x = 'still here'")
    with client.session("kept", delete=True) as session:
        assert session.run("x").value == "still here"
    with pytest.raises(NotFound):
        client.session("kept").info()


def test_it_is_exported_and_goes_on_under_another_name(client: Client) -> None:
    with client.session() as session:
        session.run("x = 1")
        data = session.export()
    twin = client.import_session("twin", data)
    assert twin.run("x").value == 1
    twin.delete()


def test_it_streams(client: Client) -> None:
    with client.session() as session:
        session.run("x = 'seen'")
        told = [str(event) for event in session.stream("print(x)") if isinstance(event, Text)]
        assert "".join(told) == "seen\n"


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    async with aclient.session() as session:
        await session.run("x = 1")
        assert (await session.run("x")).value == 1
