"""`@client.remote`: a function of this file runs in the sandbox, with what it uses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from edgemesh_client import (
    AsyncClient,
    Client,
    ConfigurationError,
    LimitPassed,
    Limits,
    ProgramRaised,
    SourceUnfit,
    TimeLimit,
    ValueUnfit,
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


counted_so_far = 41


def test_a_global_that_is_assigned_comes_along(client: Client) -> None:
    @client.remote
    def counted() -> int:
        global counted_so_far
        counted_so_far += 1
        return counted_so_far

    assert counted() == 42


def test_self_is_a_name_like_any_other(client: Client) -> None:
    @client.remote
    def named(**names: int) -> dict[str, int]:
        return names

    assert named(self=1) == {"self": 1}


def test_one_text_is_no_list_of_packages(client: Client) -> None:
    with pytest.raises(ConfigurationError, match=r"dependencies: a list, as \['humanize'\]"):
        client.remote(dependencies="humanize")(sum_of_fibonacci)


def test_a_limit_of_all_calls_is_told_as_that(client: Client) -> None:
    @client.remote
    def large(number: int) -> str:
        return str(number) * 2000

    with pytest.raises(LimitPassed, match="output_bytes"):
        large.map(range(600))


def test_inputs_have_names(client: Client) -> None:
    assert client.run("inputs", inputs={"deep": {1: 2}}).value == {"deep": {1: 2}}
    unfits: list[Any] = [{1: 2}, {"$type": "dict"}]
    for unfit in unfits:
        with pytest.raises(ValueUnfit, match=r"inputs has .* for a name"):
            client.run("inputs", inputs=unfit)


async def test_the_same_for_asyncio(aclient: AsyncClient) -> None:
    assert await aclient.remote(sum_of_fibonacci)(8) == 33
