"""The process manager: starts, restarts, stops in order, keeps ports, leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ask, gone

from edgemesh_local.layout import Layout
from edgemesh_local.mesh import Mesh
from edgemesh_local.ports import PortInUse
from edgemesh_local.service import UnknownExecutor, load
from edgemesh_local.supervised import StartFailed


def journal(path: Path) -> list[list[str]]:
    return [line.split(" ") for line in path.read_text().splitlines()]


async def test_the_gateway_is_told_where_the_executors_are(house: Layout, tmp_path: Path) -> None:
    notes = tmp_path / "journal"
    async with Mesh(layout=house, settings={"gateway": {"JOURNAL": str(notes)}}) as mesh:
        addresses = {name: mesh.address(name) for name in ("one", "two")}
    told = notes.read_text().splitlines()[0].removeprefix("EDGEMESH_GATEWAY_ started ")
    assert json.loads(told.rpartition(" ")[0]) == addresses


async def test_a_dead_service_comes_back_on_its_port(house: Layout) -> None:
    async with Mesh(("one",), layout=house) as mesh:
        before = mesh.serving("one")
        worker = int(await ask(before.address, "worker"))
        await ask(before.address, "die")
        after = await mesh.wait_serving("one", not_pid=before.pid, timeout=20)
        assert (after.address, after.metrics) == (before.address, before.metrics)
        assert mesh.starts("one") == 2
        assert mesh.starts("gateway") == 1
        await asyncio.wait_for(gone(worker), 20)


async def test_a_service_that_dies_again_and_again_is_given_longer_pauses(house: Layout) -> None:
    events: list[str] = []
    async with Mesh(
        ("one",), layout=house, tell=lambda name, event: events.append(f"{name} {event}")
    ) as mesh:
        for _ in range(3):
            pid = mesh.kill("one")
            await mesh.wait_serving("one", not_pid=pid, timeout=20)
    pauses = [event.split(" in ")[1] for event in events if "again in" in event]
    assert pauses == ["0.1 s", "0.2 s", "0.4 s"]


async def test_the_gateway_stops_first(house: Layout, tmp_path: Path) -> None:
    notes = tmp_path / "journal"
    settings = {name: {"JOURNAL": str(notes)} for name in ("gateway", "one", "two")}
    async with Mesh(layout=house, settings=settings):
        pass
    stops = [words[0] for words in journal(notes) if words[1] == "stopped"]
    assert stops[0] == "EDGEMESH_GATEWAY_"
    assert sorted(stops[1:]) == ["EDGEMESH_ONE_", "EDGEMESH_TWO_"]


async def test_what_ignores_sigterm_is_killed_with_its_workers(house: Layout) -> None:
    async with Mesh(("one",), layout=house, settings={"one": {"IGNORE_TERM": "1"}}) as mesh:
        pid = mesh.pid("one")
        worker = int(await ask(mesh.address("one"), "worker"))
        await mesh.stop_service("one", grace=0.2)
        await asyncio.wait_for(gone(pid), 20)
        await asyncio.wait_for(gone(worker), 20)
        with pytest.raises(LookupError):
            mesh.pid("one")


async def test_a_service_that_fails_to_start_fails_the_mesh(house: Layout, tmp_path: Path) -> None:
    notes = tmp_path / "journal"
    lines: list[str] = []
    mesh = Mesh(
        layout=house,
        settings={"one": {"FAIL": "1"}, "two": {"JOURNAL": str(notes)}},
        show=lambda name, line: lines.append(f"{name}: {line}"),
    )
    with pytest.raises(StartFailed, match="one did not start: it ended with code 7"):
        await mesh.start()
    assert "one: the setting is wrong" in lines
    with pytest.raises(LookupError):
        mesh.pid("two")


async def test_a_port_in_use_is_named_with_its_service(house: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = {"one": {"PORT": str(port)}}
        with pytest.raises(PortInUse) as caught:
            await Mesh(layout=house, ports="standard", settings=settings).start()
    assert (caught.value.service, caught.value.port) == ("one", port)
    assert str(caught.value) == (
        f"port {port} (one) is in use: stop what listens there, or set EDGEMESH_ONE_PORT"
    )


async def test_standard_ports_are_used(house: Layout) -> None:
    two = load(house.root / "executor_two")
    async with Mesh(("two",), layout=house, ports="standard") as mesh:
        assert mesh.address("two") == f"127.0.0.1:{two.port}"
        assert mesh.metrics("two") == f"127.0.0.1:{two.metrics_port}"
        assert mesh.executors == ("two",)


async def test_own_variables_reach_services_only_where_asked(
    house: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "journal"
    monkeypatch.setenv("EDGEMESH_ONE_JOURNAL", str(notes))
    async with Mesh(("one",), layout=house):
        pass
    assert not notes.exists()
    async with Mesh(("one",), layout=house, inherit=True):
        pass
    assert notes.exists()


async def test_an_unknown_executor_is_refused(house: Layout) -> None:
    with pytest.raises(UnknownExecutor, match="no executor 'three'; there are one, two"):
        Mesh(("three",), layout=house)


async def test_one_service_is_stopped_and_started_alone(house: Layout) -> None:
    async with Mesh(("one",), layout=house) as mesh:
        gateway, first, address = mesh.pid("gateway"), mesh.pid("one"), mesh.address("one")
        mesh.kill("one", signal.SIGSEGV)
        second = (await mesh.wait_serving("one", not_pid=first, timeout=20)).pid
        third = (await mesh.restart("one")).pid
        assert len({first, second, third}) == 3
        await mesh.stop_service("one")
        assert mesh.address("one") == address
        assert (await mesh.start_service("one")).address == address
        assert mesh.starts("one") == 4
        assert mesh.pid("gateway") == gateway


async def test_no_service_outlives_a_killed_manager(house: Layout) -> None:
    script = (
        "import asyncio, sys\nfrom pathlib import Path\n"
        "from edgemesh_local.layout import Layout\nfrom edgemesh_local.mesh import Mesh\n"
        "async def main():\n"
        f"    layout = Layout(Path({str(house.root)!r}), Path({str(house.cache)!r}))\n"
        "    async with Mesh(layout=layout) as mesh:\n"
        "        print(*(mesh.pid(name) for name in ('one', 'two', 'gateway')), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    path = str(Path(sys.modules["edgemesh_local"].__file__ or "").parents[1])
    with subprocess.Popen(  # noqa: ASYNC220 - it starts at once
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as manager:
        assert manager.stdout is not None
        pids = [int(word) for word in manager.stdout.readline().split()]
        assert len(pids) == 3
        manager.kill()
        try:
            async with asyncio.timeout(10):
                for pid in pids:
                    await gone(pid)
        finally:
            for pid in pids:  # the fakes' workers; a real one sees its front's death itself
                os.killpg(pid, signal.SIGKILL)
