"""A manager dies at any point of what it does: the next one puts it right.

Rules: it dies at the n-th change, for every n that there is; whatever was half done, another
manager ends with as many replicas as there are to be, of one kind each, and nothing beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from fake_engine import LOCKS, Died, FakeEngine
from test_manager import manage

from edgemesh_containers.errors import AnotherSpec
from edgemesh_containers.spec import Spec

REPLICAS = 2
CPP = Spec(executor="cpp", image="old", gateway="gateway-1")
PYWASM = Spec(executor="pywasm", image=f"{LOCKS}-old", gateway="gateway-1")


def engine_with(spec: Spec) -> FakeEngine:
    engine = FakeEngine()
    engine.images |= {spec.image, spec.image.replace("old", "new")}
    manage(engine).up(spec, REPLICAS)
    return engine


def interrupted(engine: FakeEngine, at: int, work: Callable[[], object]) -> bool:
    """Whether it came so far."""
    engine.dies_at = len(engine.doing) + at
    try:
        work()
    except Died:
        return True
    finally:
        engine.dies_at = -1
    return False


def settled(engine: FakeEngine) -> None:
    """As many as there are to be, each found by its alias, and nothing else."""
    assert len(engine.serving()) == REPLICAS
    assert len(engine.made) == REPLICAS
    assert {each.state for each in engine.made.values()} == {"running"}


@pytest.mark.parametrize("spec", [CPP, PYWASM], ids=lambda s: s.executor)
def test_replace_goes_on_where_it_ended(spec: Spec) -> None:
    new = replace(spec, image=spec.image.replace("old", "new"))
    at = 0
    while True:
        engine = engine_with(spec)
        if not interrupted(engine, at, lambda engine=engine: manage(engine).replace(new)):
            break
        # The other replica serves all the while, and where two may, so does this one.
        least = REPLICAS - 1 if spec.alone else REPLICAS
        serving = engine.serving()
        assert len(serving) >= least, engine.doing
        manage(engine).replace(new)
        settled(engine)
        assert set(engine.serving().values()) == {new.image}
        at += 1
    assert at > 10


@pytest.mark.parametrize("spec", [CPP, PYWASM], ids=lambda s: s.executor)
def test_up_mends_what_a_replacement_left(spec: Spec) -> None:
    new = replace(spec, image=spec.image.replace("old", "new"))
    at = 0
    while True:
        engine = engine_with(spec)
        if not interrupted(engine, at, lambda engine=engine: manage(engine).replace(new)):
            break
        for wanted in (spec, new):
            try:
                manage(engine).up(wanted, REPLICAS)
                break
            except AnotherSpec:
                continue
        else:  # one of each: it says so, and to replace is the mend
            assert {p.image for p in manage(engine).placements()} == {spec.image, new.image}
            manage(engine).replace(spec)
        settled(engine)
        at += 1
    assert at > 10


@pytest.mark.parametrize("spec", [CPP, PYWASM], ids=lambda s: s.executor)
def test_up_and_scale_go_on(spec: Spec) -> None:
    at = 0
    while True:
        engine = FakeEngine()
        engine.images.add(spec.image)
        if not interrupted(engine, at, lambda engine=engine: manage(engine).up(spec, 3)):
            break
        manage(engine).up(spec, REPLICAS)
        settled(engine)
        at += 1
    assert at > 10


def test_remove_goes_on() -> None:
    at = 0
    while True:
        engine = engine_with(CPP)
        if not interrupted(engine, at, lambda e=engine: manage(e).remove("cpp", volumes=True)):
            break
        if engine.made or engine.nets or engine.kept:
            manage(engine).remove("cpp", volumes=True)
        assert (engine.made, engine.nets, engine.kept) == ({}, {}, {})
        at += 1
    assert at > 5
