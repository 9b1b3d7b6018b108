"""On a real engine: what is asked for is so, what is refused is typed, and nothing is left."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import docker
import pytest
from conftest import BASE, MEMORY, PORT, House
from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.volumes import Volume

from edgemesh_containers import DockerEngine, Manager, errors

# The time is for what hangs: an engine on a busy machine takes minutes.
pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]

WALLS = r"""
found=$(
  echo uid=$(id -u)
  sed -n 's/^\(CapEff\|CapBnd\|CapPrm\|NoNewPrivs\|Seccomp\):[[:space:]]*/\1=/p' /proc/1/status
  for folder in / /etc /etc/edgemesh /usr /var /tmp /var/lib/edgemesh /dev; do
    if (: > $folder/.written) 2>/dev/null; then echo written=$folder; fi
  done
)
expected="uid=65532
CapPrm=0000000000000000
CapEff=0000000000000000
CapBnd=0000000000000000
NoNewPrivs=1
Seccomp=2
written=/tmp
written=/var/lib/edgemesh"
echo "$found"
[ "$found" = "$expected" ]
"""
ANSWERS = {10: "old", 11: "new", 12: "locks-old", 13: "locks-new"}


def runs(container: Container, script: str) -> tuple[int, str]:
    """Its status, and what it said as far as that has come: the docker package may lose the first
    of it.
    """
    done: Any = container.exec_run(["timeout", "30", "bash", "-c", script])
    return int(done.exit_code), done.output.decode()


def answer(container: Container, host: str) -> str:
    """What a replica says to who is in a container; empty: it is not reached."""
    cases = " ".join(f"{said}) exit {status};;" for status, said in ANSWERS.items())
    script = f'exec 2>/dev/null 3<>"/dev/tcp/{host}/{PORT}"; case "$(cat <&3)" in {cases} esac'
    return ANSWERS.get(runs(container, script)[0], "")


@contextmanager
def callers(gateway: Container, host: str) -> Generator[list[str]]:
    """Calls one after the other; what was answered, empty for what was not."""
    answers: list[str] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            answers.append(answer(gateway, host))

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


def known(client: docker.DockerClient) -> set[str]:
    """Runtimes whose programs are there, too, as far as this machine can tell."""
    runtimes: dict[str, dict[str, str]] = client.info()["Runtimes"]
    return {name for name, each in runtimes.items() if shutil.which(each.get("path", "runc"))}


@pytest.mark.parametrize("runtime", ["runc", "crun", "youki"])
def test_walls_stand_under_each_runtime(house: House, runtime: str) -> None:
    if runtime not in known(house.client):
        pytest.skip(f"the engine knows no {runtime}")
    with house.manager() as manager:
        (placement,) = manager.up(house.spec(runtime=runtime))
        container = house.client.containers.get(placement.name)
        status, said = runs(container, WALLS)
        assert status == 0, said
        host = container.attrs["HostConfig"]
        assert (placement.runtime, host["Runtime"]) == (runtime, runtime)
        assert (host["Memory"], host["PidsLimit"]) == (MEMORY, 256)


def test_the_gateway_alone_is_reached_and_reaches(house: House) -> None:
    gateway = house.gateway()
    with house.manager() as manager:
        manager.up(house.spec(gateway=gateway.name))
        manager.up(house.spec(gateway=gateway.name, tenant="acme"))
        assert answer(gateway, "cpp-1") == "old"
        assert answer(gateway, "cpp-acme-1") == "old"
        ours = house.client.containers.get(f"{house.fleet}-cpp-1")
        other = house.client.containers.get(f"{house.fleet}-cpp-acme-1")
        assert answer(ours, "gateway") == "old", "so what is tried could be reached"
        (network,) = other.attrs["NetworkSettings"]["Networks"].values()
        bridge = house.client.networks.get(f"{house.fleet}-cpp").attrs["IPAM"]["Config"][0]
        machine = at_bridge(gateway)
        with socket.create_server(("0.0.0.0", 0), backlog=16) as here:
            listening = int(here.getsockname()[1])
            assert reaches(gateway, machine, listening), "so what is tried could be reached"
            for host in (machine, bridge["Gateway"]):
                assert not reaches(ours, host, listening), host
        for host in ("cpp-acme-1", network["IPAddress"], "1.1.1.1"):
            assert not reaches(ours, host, PORT), host


def at_bridge(container: Container) -> str:
    """This machine's address on the engine's own bridge."""
    container.reload()
    return str(container.attrs["NetworkSettings"]["Gateway"])


def reaches(container: Container, host: str, port: int) -> bool:
    script = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{host}/{port}'"
    return runs(container, script)[0] == 0


def test_scale_and_another_manager(house: House) -> None:
    with house.manager() as manager:
        manager.up(house.spec(), 1)
    with house.manager() as manager:
        assert [p.address for p in manager.scale("cpp", 3)] == [
            "cpp-1:50061",
            "cpp-2:50061",
            "cpp-3:50061",
        ]
        last = house.client.containers.get(f"{house.fleet}-cpp-3")
        assert [p.number for p in manager.scale("cpp", 2)] == [1, 2]
        with pytest.raises(NotFound):
            last.reload()
        manager.remove("cpp")
        assert [v.name for v in volumes(house)] == [f"{house.fleet}-cpp-{n}" for n in (1, 2, 3)]
        manager.remove("cpp", volumes=True)
    assert not volumes(house)
    assert not house.client.networks.list(filters={"label": f"edgemesh.fleet={house.fleet}"})


def volumes(house: House) -> list[Volume]:
    found = house.client.volumes.list(filters={"label": f"edgemesh.fleet={house.fleet}"})
    return sorted(found, key=lambda each: str(each.name))


def test_replace_under_calls(house: House) -> None:
    gateway = house.gateway()
    with house.manager() as manager:
        manager.up(house.spec(gateway=gateway.name))
        before = manager.placements()
        with callers(gateway, "cpp-1") as answers:
            manager.replace(house.spec("new", gateway=gateway.name))
            after = manager.placements()
    assert [p.address for p in after] == [p.address for p in before]
    assert after[0].id != before[0].id
    lost = answers.count("")
    print(f"{len(answers)} calls while a replica was replaced, {lost} of them not answered")
    assert answer(gateway, "cpp-1") == "new"
    assert answers[0] == "old"
    # One may have found the address of the container that was just ending.
    assert lost <= 2


def test_replace_of_what_has_its_state_for_itself(house: House) -> None:
    gateway = house.gateway()
    spec = house.spec("locks-old", executor="pywasm", port=PORT, gateway=gateway.name)
    with house.manager() as manager:
        manager.up(spec)
        new = house.spec("locks-new", executor="pywasm", port=PORT, gateway=gateway.name)
        manager.replace(new)
        assert answer(gateway, "pywasm-1") == "locks-new"
        container = house.client.containers.get(f"{house.fleet}-pywasm-1")
        kept = 'echo $(cat /var/lib/edgemesh/starts); [ "$(cat {}/starts)" = "$(printf "{}")" ]'
        status, said = runs(container, kept.format("/var/lib/edgemesh", "locks-old\\nlocks-new"))
        assert status == 0, f"the rehearsal had a state of its own: {said}"


@pytest.mark.parametrize("version", ["old", "locks-old"])
def test_replace_by_what_does_not_serve(house: House, version: str) -> None:
    executor = "pywasm" if "locks" in version else "cpp"
    with house.manager() as manager:
        before = manager.up(house.spec(version, executor=executor))
        with pytest.raises(errors.NotHealthy) as failed:
            manager.replace(house.spec("ends", executor=executor))
        assert failed.value.said == "cpp: EDGEMESH_CPP_SECRET: required"
        assert failed.value.why.startswith("it ended")
        assert manager.placements() == before


def test_up_of_what_does_not_serve(house: House) -> None:
    with house.manager() as manager:
        with pytest.raises(
            errors.NotHealthy, match=r"it ended.*; it said: cpp: EDGEMESH_CPP_SECRET"
        ):
            manager.up(house.spec("ends"))
        assert not manager.placements()


def test_refusals_are_typed_and_leave_nothing(house: House) -> None:
    with house.manager() as manager:
        with pytest.raises(errors.RuntimeUnknown, match=r"but .*runc"):
            manager.up(house.spec(runtime="nobody"))
        with pytest.raises(errors.ImageMissing, match="edgemesh-tests:nobody"):
            manager.up(house.spec("nobody"))
        with pytest.raises(errors.SourceMissing, match="no folder /nowhere/plugins"):
            manager.up(house.spec(mounts={"/plugins": "/nowhere/plugins"}))
        with pytest.raises(errors.NotEnoughMemory):
            manager.up(house.spec(memory_bytes=1 << 46))
        assert not house.client.networks.list(names=[f"{house.fleet}-cpp"])
        assert not manager.placements()


def test_image_that_is_there_has_a_health_check_or_is_refused(house: House) -> None:
    with house.manager() as manager, pytest.raises(errors.ImageUnfit, match="no health check"):
        manager.up(house.spec(image=BASE))


def test_name_in_use(house: House) -> None:
    house.client.containers.create(
        "edgemesh-tests:old", name=f"{house.fleet}-cpp-1", labels={"edgemesh.tests": house.fleet}
    )
    with house.manager() as manager, pytest.raises(errors.NameInUse):
        manager.up(house.spec())


def test_published_replica_and_a_port_in_use(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        spec = house.spec(publish=f"127.0.0.1:{min(port, 65000)}")
        with house.manager() as manager:
            with pytest.raises(errors.PortInUse, match=str(port)):
                manager.up(spec)
            assert not manager.placements()
            taken.close()
            (placement,) = manager.up(spec)
            host, _, at = placement.address.rpartition(":")
            with socket.create_connection((host, int(at)), 10) as connection:
                assert connection.makefile().read() == "old\n"


def test_without_an_engine() -> None:
    with pytest.raises(errors.EngineAbsent, match="No such file or directory"):
        Manager(DockerEngine("unix:///nowhere/docker.sock"))
