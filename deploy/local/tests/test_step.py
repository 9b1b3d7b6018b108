"""Build steps: done once, done again when anything they stand on has changed."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import gone

from edgemesh_local import step as steps
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console
from edgemesh_local.layout import Layout
from edgemesh_local.service import Service, Step

STEP = Step(
    name="part",
    inputs=("service/source",),
    command=("sh", "-c", 'echo run >>"$0/runs"; mkdir -p "$1"; cp source "$1/part"', "{root}",
             "{cache}/parts/{key}"),
    produces=("{cache}/parts/{key}/part",),
)  # fmt: skip


@pytest.fixture
def service(layout: Layout) -> Service:
    folder = layout.root / "service"
    folder.mkdir(parents=True)
    (folder / "source").write_text("one")
    return Service(folder, "service", "module", "EDGEMESH_SERVICE_", 1, 2)


async def ensure(service: Service, step: Step, layout: Layout, console: Console) -> Path:
    key = steps.step_key(service, step, layout, {"tool": "1.0"})
    products = steps.done(service, step, key, layout)
    if products is None:
        products = await steps.run(service, step, key, layout, console, os.environ)
    [product] = products
    return product


def runs(layout: Layout) -> int:
    return len((layout.root / "runs").read_text().splitlines())


async def test_a_second_run_does_nothing(
    service: Service, layout: Layout, console: Console
) -> None:
    first = await ensure(service, STEP, layout, console)
    assert await ensure(service, STEP, layout, console) == first
    assert runs(layout) == 1


async def test_changed_inputs_lead_elsewhere_and_back(
    service: Service, layout: Layout, console: Console
) -> None:
    first = await ensure(service, STEP, layout, console)
    (service.folder / "source").write_text("two")
    second = await ensure(service, STEP, layout, console)
    assert (first.read_text(), second.read_text()) == ("one", "two")
    (service.folder / "source").write_text("one")
    assert await ensure(service, STEP, layout, console) == first
    assert runs(layout) == 2


async def test_tools_command_and_lock_are_in_the_key(service: Service, layout: Layout) -> None:
    def key(step: Step = STEP, tool: str = "1.0") -> str:
        return steps.step_key(service, step, layout, {"tool": tool})

    seen = {key(), key(tool="1.1"), key(replace(STEP, command=("true",)))}
    (service.folder / "requirements-build.lock").write_text("maturin==1")
    seen.add(key())
    assert len(seen) == 4


async def test_a_torn_product_is_made_again(
    service: Service, layout: Layout, console: Console
) -> None:
    product = await ensure(service, STEP, layout, console)
    product.write_text("o")
    assert (await ensure(service, STEP, layout, console)).read_text() == "one"
    assert runs(layout) == 2


async def test_a_failure_tells_the_end_of_its_log_and_looks_not_done(
    service: Service, layout: Layout, console: Console
) -> None:
    failing = replace(STEP, command=("sh", "-c", "seq 100; echo no such header >&2; exit 3"))
    with pytest.raises(CommandFailed) as caught:
        await ensure(service, failing, layout, console)
    assert caught.value.code == 3
    assert caught.value.tail().splitlines()[-2:] == ["100", "no such header"]
    assert not list(layout.stamps.glob("*"))


async def test_nothing_produced_is_a_failure(
    service: Service, layout: Layout, console: Console
) -> None:
    with pytest.raises(steps.NothingProduced):
        await ensure(service, replace(STEP, command=("true",)), layout, console)


async def test_an_interrupted_step_looks_not_done_and_leaves_no_process(
    service: Service, layout: Layout, console: Console
) -> None:
    pipe = layout.root / "pipe"
    os.mkfifo(pipe)
    script = f'mkdir -p "$1"; cp source "$1/part"; sleep 600 & echo $! >"{pipe}"; wait'
    slow = replace(STEP, command=("sh", "-c", script, *STEP.command[3:]))
    task = asyncio.create_task(ensure(service, slow, layout, console))
    pid = int(await asyncio.to_thread(pipe.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(layout.stamps.glob("*"))
    await asyncio.wait_for(gone(pid), 20)


async def test_a_missing_program_is_named(
    service: Service, layout: Layout, console: Console
) -> None:
    with pytest.raises(CommandFailed, match="no such program: no-such-program"):
        await ensure(service, replace(STEP, command=("no-such-program",)), layout, console)


async def test_a_long_step_shows_that_it_lives(
    service: Service, layout: Layout, console: Console, tmp_path: Path
) -> None:
    from edgemesh_local import command

    pipe = layout.root / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(
        command.run(
            "long", ["sh", "-c", f"echo compiling candle; cat {pipe}"],
            cwd=layout.root, env=os.environ, log=layout.logs / "long.log", console=console,
            beat_s=0.02,
        )
    )  # fmt: skip
    while "compiling candle" not in (tmp_path / "console").read_text():
        await asyncio.sleep(0.01)
    await asyncio.to_thread(pipe.write_text, "")
    await task
