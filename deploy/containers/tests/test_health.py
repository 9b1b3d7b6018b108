"""Waiting for health: what serves is not waited for, nor what never will."""

from __future__ import annotations

import pytest
from fake_engine import ENDS, SICK, SLOW, FakeEngine

from edgemesh_containers.arguments import container, network
from edgemesh_containers.errors import NotHealthy
from edgemesh_containers.health import Health
from edgemesh_containers.spec import Spec


class Clock:
    """Time that passes where somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.then = lambda: None

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.then()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(engine: FakeEngine, clock: Clock) -> Health:
    return Health(engine, 10, clock, clock.pause)


def started(engine: FakeEngine, image: str, number: int = 1) -> str:
    spec = Spec(executor="cpp", image=image)
    group = spec.group("fleet")
    engine.create_network(network(spec, group))
    id = engine.create(container(spec, group, number, group.container(number), aliased=True))
    engine.start(id)
    return id


def test_healthy_ones_are_not_waited_for(engine: FakeEngine, health: Health, clock: Clock) -> None:
    health.wait([started(engine, "fine", number) for number in (1, 2)])
    assert clock.now == 0


def test_one_that_takes_its_time(engine: FakeEngine, health: Health, clock: Clock) -> None:
    id = started(engine, SLOW)
    clock.then = lambda: engine.age("fleet-cpp-1", health="healthy") if clock.now > 5 else None
    health.wait([id])
    assert 5 < clock.now < 6


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (SLOW, "not healthy within 10 s"),
        (SICK, "not healthy within 10 s: its health check fails"),
        (ENDS, "it ended with status 78"),
    ],
)
def test_why_it_does_not_serve(engine: FakeEngine, health: Health, image: str, why: str) -> None:
    fine, other = started(engine, "fine"), started(engine, image, 2)
    with pytest.raises(NotHealthy) as failed:
        health.wait([fine, other])
    assert str(failed.value) == f"fleet-cpp-2: {why}; it said: fleet-cpp-2 says"


def test_one_that_is_started_again_and_again(
    engine: FakeEngine, health: Health, clock: Clock
) -> None:
    id = started(engine, SLOW)
    clock.then = lambda: engine.age("fleet-cpp-1", restarts=1, exit_code=1)
    with pytest.raises(NotHealthy, match="it ended, and was started again"):
        health.wait([id])


def test_what_was_restarted_before_is_no_failure(
    engine: FakeEngine, health: Health, clock: Clock
) -> None:
    id = started(engine, SLOW)
    engine.age("fleet-cpp-1", restarts=3)
    clock.then = lambda: engine.age("fleet-cpp-1", health="healthy")
    health.wait([id])


def test_one_that_somebody_removes(engine: FakeEngine, health: Health, clock: Clock) -> None:
    id = started(engine, SLOW)
    clock.then = engine.made.clear
    with pytest.raises(NotHealthy, match="somebody removed it"):
        health.wait([id])
