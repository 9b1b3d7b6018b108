"""`@client.remote`: a function of this file runs in the sandbox, with what it uses."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgemesh_client import (
    AsyncClient,
    Client,
    Limits,
    ProgramRaised,
    SourceUnfit,
    TimeLimit,
)

pytestmark = pytest.mark.needs("pywasm")

GOLDEN = (1 + math.sqrt(5)) / 2


def nearest_fibonacci(index: int) -> int:
    return round(GOLDEN**index / math.sqrt(5))


def sum_of_fibonacci(below: int) -> int:
    return sum(nearest_fibonacci(n) for n in range(1, below))


def test_a_call_ships_the_source_and_all_that_it_uses(client: Client) -> None:
    remote = client.remote(sum_of_fibonacci)

    assert remote(8) == sum_of_fibonacci(8) == 33
    assert remote.local is sum_of_fibonacci

    # The module, the constant and the other function came along; nothing is pickled.
    assert "import math" in remote.code
    assert f"GOLDEN = {GOLDEN}" in remote.code
    assert "def nearest_fibonacci" in remote.code


def test_arrays_and_pythons_values_are_arguments_and_answers(client: Client) -> None:
    @client.remote
    def moments(
        x: np.ndarray, *, names: tuple[str, str] = ("mean", "deviation")
    ) -> dict[str, float]:
        return dict(zip(names, (x.mean(), x.std()), strict=True))

    assert moments(np.array([1.0, 3.0])) == {"mean": 2.0, "deviation": 1.0}


def test_packages_are_named_and_brought_once(client: Client) -> None:
    @client.remote(dependencies=["humanize==4.*"])
    def said(count: int) -> str:
        import humanize  # pyright: ignore[reportMissingImports]

        return humanize.intcomma(count)

    assert said(1234567) == "1,234,567"
    assert said.map([1000, 2000]) == ["1,000", "2,000"]


def test_many_calls_are_spread_over_the_workers(client: Client) -> None:
    @client.remote
    def power(base: int, exponent: int = 2) -> int:
        return base**exponent

    assert power.map(range(5), exponent=3) == [0, 1, 8, 27, 64]


def test_a_call_may_be_a_job(client: Client) -> None:
    @client.remote
    def answer() -> int:
        return 42

    assert answer.submit().result(timeout=30).value == 42


def test_an_error_has_the_remote_traceback(client: Client) -> None:
    @client.remote
    def inverse(x: float) -> float:
        return 1 / x

    with pytest.raises(ProgramRaised) as raised:
        inverse(0)
    assert raised.value.result.failure is not None
    assert raised.value.result.failure.type == "ZeroDivisionError"
    assert "in inverse" in str(raised.value)


def test_limits_hold_for_each_call(client: Client) -> None:
    @client.remote(limits=Limits(run_time_ms=200))
    def forever() -> None:
        while True:
            pass

    with pytest.raises(TimeLimit):
        forever()


def test_what_cannot_go_is_refused_where_it_is_decorated(client: Client) -> None:
    here = object()

    with pytest.raises(SourceUnfit, match="closes over here: pass them as arguments"):

        @client.remote
        def carries() -> object:  # pyright: ignore[reportUnusedFunction]
            return here


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    assert await aclient.remote(sum_of_fibonacci)(8) == 33
