"""The manager's verbs, on an engine in memory."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from fake_engine import ENDS, GIB, LOCKS, SICK, FakeEngine

from edgemesh_containers import errors, executors
from edgemesh_containers.health import Health
from edgemesh_containers.manager import Manager
from edgemesh_containers.spec import Spec

CPP = Spec(executor="cpp", gateway="gateway-1")
PYWASM = Spec(executor="pywasm", image=f"{LOCKS}-1", gateway="gateway-1")


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.images |= {"new", f"{LOCKS}-1", f"{LOCKS}-2", ENDS, SICK, f"{LOCKS}-{SICK}"}
    return engine


@pytest.fixture
def manager(engine: FakeEngine) -> Manager:
    return manage(engine)


def manage(engine: FakeEngine, fleet: str = "fleet", *, overcommit: bool = False) -> Manager:
    health = Health(engine, 1, itertools.count().__next__, lambda seconds: None)
    return Manager(engine, fleet, health=health, overcommit=overcommit)


def images(manager: Manager) -> list[str]:
    return [each.image for each in manager.placements()]


# up


def test_up_makes_replicas_that_the_gateway_finds(engine: FakeEngine, manager: Manager) -> None:
    placements = manager.up(CPP, 2)
    assert [(p.name, p.address, p.state) for p in placements] == [
        ("fleet-cpp-1", "cpp-1:50061", "healthy"),
        ("fleet-cpp-2", "cpp-2:50061", "healthy"),
    ]
    assert set(engine.serving()) == {"cpp-1", "cpp-2"}
    assert engine.foreign["gateway-1"] == {"front", "fleet-cpp"}


def test_up_again_does_nothing(engine: FakeEngine, manager: Manager) -> None:
    manager.up(CPP, 2)
    done = len(engine.doing)
    manage(engine).up(CPP, 2)
    assert len(engine.doing) == done


def test_up_starts_what_was_stopped_and_has_a_new_gateway_join(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(CPP, 2)
    engine.age("fleet-cpp-2", state="exited")
    engine.foreign["gateway-1"] = {"front"}
    manager.up(CPP, 2)
    assert set(engine.serving()) == {"cpp-1", "cpp-2"}
    assert "fleet-cpp" in engine.foreign["gateway-1"]


def test_up_of_another_specification_is_refused(engine: FakeEngine, manager: Manager) -> None:
    manager.up(CPP)
    with pytest.raises(errors.AnotherSpec) as refused:
        manager.up(replace(CPP, image="new", pids=99))
    assert refused.value.fields == ("image", "pids")
    assert images(manager) == ["edgemesh-cpp:latest"]


def test_up_of_what_does_not_serve_leaves_nothing_of_it(
    engine: FakeEngine, manager: Manager
) -> None:
    with pytest.raises(errors.NotHealthy, match="fleet-cpp-1: it ended with status 78"):
        manager.up(replace(CPP, image=ENDS))
    assert not manager.placements()


def test_tenants_have_replicas_networks_and_volumes_of_their_own(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(CPP)
    manager.up(replace(CPP, tenant="acme"), 2)
    assert set(engine.nets) == {"fleet-cpp", "fleet-cpp-acme"}
    assert set(engine.kept) == {"fleet-cpp-1", "fleet-cpp-acme-1", "fleet-cpp-acme-2"}
    assert executors(manager.placements()) == {"cpp": ["cpp-1:50061"]}
    assert executors(manager.placements(), "acme") == {
        "cpp": ["cpp-acme-1:50061", "cpp-acme-2:50061"]
    }
    manager.remove("cpp")
    assert [p.name for p in manager.placements()] == ["fleet-cpp-acme-1", "fleet-cpp-acme-2"]


def test_fleets_do_not_see_each_other(engine: FakeEngine) -> None:
    manage(engine, "one").up(CPP)
    manage(engine, "two").up(CPP, 2)
    assert [p.name for p in manage(engine, "one").placements()] == ["one-cpp-1"]
    manage(engine, "one").remove("cpp", volumes=True)
    assert set(engine.kept) == {"two-cpp-1", "two-cpp-2"}


# scale


def test_scale_up_is_as_those_that_are_there(engine: FakeEngine, manager: Manager) -> None:
    manager.up(replace(CPP, pids=77))
    manage(engine).scale("cpp", 3)
    assert {each.host["PidsLimit"] for each in engine.made.values()} == {77}
    assert len(engine.serving()) == 3


def test_scale_down_takes_the_last_and_keeps_what_they_kept(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(CPP, 3)
    manager.scale("cpp", 1)
    assert [p.number for p in manager.placements()] == [1]
    assert ("stop", "fleet-cpp-3") in engine.doing, "it finishes what it runs"
    assert set(engine.kept) == {"fleet-cpp-1", "fleet-cpp-2", "fleet-cpp-3"}


@pytest.mark.parametrize("replicas", [0, -1, 65])
def test_scale_to_what_makes_no_sense(manager: Manager, replicas: int) -> None:
    manager.up(CPP)
    with pytest.raises(errors.BadSpec, match="replicas: 1 to 64"):
        manager.scale("cpp", replicas)


def test_scale_of_what_is_not_there(manager: Manager) -> None:
    with pytest.raises(errors.NotThere, match="cpp of tenant acme in fleet fleet"):
        manager.scale("cpp", 2, "acme")


# replace


def test_replace_has_the_new_one_healthy_before_the_old_one_ends(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(CPP, 2)
    engine.doing.clear()
    manager.replace(replace(CPP, image="new"))
    assert images(manager) == ["new", "new"]
    assert engine.serving() == {"cpp-1": "new", "cpp-2": "new"}
    one_by_one = [each for each in engine.doing if each[0] in ("start", "stop", "rename")]
    assert one_by_one == [
        (verb, f"fleet-cpp-{number}{rest}")
        for number in (1, 2)
        for verb, rest in (("start", "-next"), ("stop", ""), ("rename", ""))
    ]


def test_replace_rehearses_what_has_its_state_for_itself(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(PYWASM)
    engine.doing.clear()
    manager.replace(replace(PYWASM, image=f"{LOCKS}-2"))
    assert images(manager) == [f"{LOCKS}-2"]
    first_stop = engine.doing.index(("stop", "fleet-pywasm-1"))
    assert engine.doing.index(("start", "fleet-pywasm-1-next")) < first_stop
    assert engine.named("fleet-pywasm-1").state_volume == "fleet-pywasm-1"


def test_replace_of_published_ones(engine: FakeEngine, manager: Manager) -> None:
    spec = replace(CPP, publish="127.0.0.1:50100")
    manager.up(spec, 2)
    manager.replace(replace(spec, image="new"))
    assert [(p.image, p.address) for p in manager.placements()] == [
        ("new", "127.0.0.1:50100"),
        ("new", "127.0.0.1:50101"),
    ]


@pytest.mark.parametrize(
    ("before", "bad"), [(CPP, SICK), (CPP, ENDS), (PYWASM, f"{LOCKS}-{SICK}"), (PYWASM, ENDS)]
)
def test_replace_by_what_does_not_serve_changes_nothing(
    engine: FakeEngine, manager: Manager, before: Spec, bad: str
) -> None:
    was = manager.up(before, 2)
    engine.doing.clear()
    with pytest.raises(errors.NotHealthy):
        manager.replace(replace(before, image=bad))
    assert manager.placements() == was
    assert len(engine.made) == 2
    assert not [each for each in engine.doing if each == ("stop", was[0].name)]


def test_what_fails_only_with_its_state_is_taken_back(
    engine: FakeEngine, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager.up(PYWASM)
    start = engine.start

    def spoilt(id: str) -> None:
        start(id)
        made = engine.made[id]
        if made.arguments["image"] == "new" and made.state_volume:
            made.state, made.exit_code = "exited", 78

    monkeypatch.setattr(engine, "start", spoilt)
    with pytest.raises(errors.NotHealthy, match="fleet-pywasm-1: it ended with status 78"):
        manager.replace(replace(PYWASM, image="new"))
    assert engine.serving() == {"pywasm-1": f"{LOCKS}-1"}
    assert [each.name for each in engine.made.values()] == ["fleet-pywasm-1"]


def test_replace_of_what_is_not_there(manager: Manager) -> None:
    with pytest.raises(errors.NotThere):
        manager.replace(CPP)


# remove


def test_remove_leaves_what_was_kept_until_it_is_told(engine: FakeEngine, manager: Manager) -> None:
    manager.up(CPP, 2)
    manager.remove("cpp")
    assert (engine.made, engine.nets) == ({}, {})
    assert engine.foreign["gateway-1"] == {"front"}
    assert set(engine.kept) == {"fleet-cpp-1", "fleet-cpp-2"}
    manager.remove("cpp", volumes=True)
    assert engine.kept == {}
    with pytest.raises(errors.NotThere):
        manager.remove("cpp", volumes=True)


def test_remove_leaves_a_network_in_which_somebody_else_is(
    engine: FakeEngine, manager: Manager
) -> None:
    told: list[str] = []
    manager.up(replace(CPP, gateway=""))
    engine.foreign["gateway-1"].add("fleet-cpp")
    Manager(engine, tell=told.append).remove("cpp")
    assert "fleet-cpp" in engine.nets
    assert told[-1] == "fleet-cpp: network kept, for gateway-1 is in it"


# bad set-ups


def test_runtime_that_the_engine_does_not_know(engine: FakeEngine, manager: Manager) -> None:
    with pytest.raises(errors.RuntimeUnknown, match="knows no runtime 'youki', but crun, runc"):
        manager.up(replace(CPP, runtime="youki"))
    assert not engine.doing, "nothing was made"


def test_image_that_is_not_there_or_not_fit(engine: FakeEngine, manager: Manager) -> None:
    with pytest.raises(errors.ImageMissing, match="no image missing"):
        manager.up(replace(CPP, image="missing"))
    engine.images.add("plain")
    engine.unchecked.add("plain")
    with pytest.raises(errors.ImageUnfit, match="no health check"):
        manager.up(replace(CPP, image="plain"))
    engine.architecture = "arm64"
    with pytest.raises(errors.ImageUnfit, match="for amd64, and the engine's machine is arm64"):
        manager.up(CPP)
    assert not engine.doing


def test_sources_that_are_not_there(engine: FakeEngine, manager: Manager) -> None:
    with pytest.raises(errors.SourceMissing, match="no volume plugins to be mounted at /plugins"):
        manager.up(replace(CPP, mounts={"/plugins": "plugins"}))
    engine.other_volumes.clear()
    with pytest.raises(errors.SourceMissing, match="start the gateway first"):
        manager.up(CPP)
    assert not engine.doing


def test_gateway_that_is_not_there(manager: Manager) -> None:
    with pytest.raises(errors.GatewayMissing, match="no container gateway-2"):
        manager.up(replace(CPP, gateway="gateway-2"))


def test_names_that_others_have(engine: FakeEngine, manager: Manager) -> None:
    engine.foreign["fleet-cpp-1"] = set()
    with pytest.raises(errors.NameInUse, match="container fleet-cpp-1"):
        manager.up(CPP)
    engine.other_volumes.add("fleet-ml-1")
    with pytest.raises(errors.NameInUse, match="volume fleet-ml-1"):
        manager.up(Spec(executor="ml"))
    engine.nets["fleet-pywasm"] = {"internal": True, "labels": {}}
    with pytest.raises(errors.NameInUse, match="network fleet-pywasm"):
        manager.up(PYWASM)


def test_port_in_use(engine: FakeEngine, manager: Manager) -> None:
    manager.up(replace(CPP, publish="127.0.0.1:50101"))
    with pytest.raises(errors.PortInUse, match=r"127\.0\.0\.1:50101"):
        manager.up(Spec(executor="ml", publish="127.0.0.1:50100"), 2)
    assert {p.name for p in manager.placements()} == {"fleet-cpp-1", "fleet-ml-1"}


def test_network_that_is_open_where_it_has_to_be_closed(
    engine: FakeEngine, manager: Manager
) -> None:
    manager.up(CPP)
    engine.nets["fleet-cpp"]["internal"] = False
    with pytest.raises(errors.NetworkOpen, match="has a way out"):
        manager.up(CPP, 2)


def test_memory_is_promised_once(engine: FakeEngine, manager: Manager) -> None:
    engine.memory_bytes = 10 * GIB
    manager.up(CPP, 2)
    with pytest.raises(errors.NotEnoughMemory) as refused:
        manager.scale("cpp", 3)
    assert (refused.value.needed, refused.value.free) == (4 * GIB, 2 * GIB)
    assert "4.00 GiB of memory are asked for, and of the engine's 10.00 GiB only 2.00 GiB" in str(
        refused.value
    )
    generous = manage(engine, overcommit=True)
    assert len(generous.scale("cpp", 3)) == 3
    with pytest.raises(errors.NotEnoughMemory):
        generous.up(Spec(executor="ml", memory_bytes=11 * GIB))


def test_fleet_of_no_name(engine: FakeEngine) -> None:
    with pytest.raises(errors.BadSpec, match="fleet"):
        manage(engine, "my-fleet")
