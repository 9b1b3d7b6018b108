"""In whose name an executor may call: while it works for somebody, and no longer."""

from __future__ import annotations

from typing import Any

import pytest

from edgemesh_gateway.identity.caller import Caller
from edgemesh_gateway.schedule import Lane
from edgemesh_gateway.tickets import TICKET, Tickets
from mesh_service import errors


class Shown:
    """A call that shows a ticket."""

    tenant = ""

    def __init__(self, ticket: str) -> None:
        self.notes: dict[str, str] = {}
        self._ticket = ticket

    def header(self, key: str) -> str:
        return self._ticket if key == TICKET else ""


def of(tickets: Tickets, text: str) -> Any:
    shown: Any = Shown(text)
    return tickets.of(shown)


def test_a_ticket_stands_for_its_tenant_while_the_request_runs() -> None:
    tickets = Tickets(8)
    with tickets.issued(Caller("physics", ""), None, "pywasm") as first:
        with tickets.issued(Caller("biology", ""), None, "pywasm") as second:
            assert first != second
            assert of(tickets, first).caller.tenant == "physics"
            assert of(tickets, second).caller.tenant == "biology"
        with pytest.raises(errors.Unauthenticated):
            of(tickets, second)
    assert not len(tickets)


def test_it_says_which_of_several_gateways_knows_it() -> None:
    tickets = Tickets(8, "10.0.0.7:50051")
    with tickets.issued(Caller("physics", ""), None, "pywasm") as ticket:
        assert ticket.endswith("@10.0.0.7:50051")
        assert of(tickets, ticket).caller.tenant == "physics"


def test_it_ends_with_a_request_that_fails() -> None:
    tickets = Tickets(8)
    with pytest.raises(KeyError), tickets.issued(Caller("physics", ""), None, "pywasm"):
        raise KeyError
    assert not len(tickets)


@pytest.mark.parametrize("text", ["physics", "local", "é", "x" * 10_000])
def test_what_was_not_issued_is_no_ticket(text: str) -> None:
    tickets = Tickets(8)
    with (
        tickets.issued(Caller("physics", ""), None, "pywasm"),
        pytest.raises(errors.Unauthenticated),
    ):
        of(tickets, text)
    assert of(tickets, "") is None


def test_calls_of_calls_end() -> None:
    tickets = Tickets(2)
    with tickets.issued(Caller("physics", ""), None, "pywasm") as text:
        above = of(tickets, text)
        with tickets.issued(Caller("physics", ""), above, "other") as text:
            above = of(tickets, text)
            assert above.holds == {"pywasm", "other"}
            with (
                tickets.issued(Caller("physics", ""), above, "pywasm") as text,
                pytest.raises(errors.CallsTooDeep) as deep,
            ):
                of(tickets, text)
    assert deep.value.limit == 2


async def test_who_has_a_slot_further_up_does_not_wait_for_itself() -> None:
    lane = Lane(slots=1, queue=0, ageing_s=10)
    with await lane.slot(2, None):
        with pytest.raises(errors.QueueFull):
            await lane.slot(2, None)
        with await lane.slot(2, None, inside=True):
            assert lane.running == 2
    assert lane.running == 0
