"""Programs that use what was built: the demo, which gets a mesh, bench and abuse, which start their
own, chaos and soak likewise, and the corpus, which needs the sandbox alone."""

from __future__ import annotations

import os
import time

from edgemesh_local.command import CommandFailed, show
from edgemesh_local.console import duration
from edgemesh_local.environments import interpreter, tests_environment
from edgemesh_local.mesh import Mesh
from edgemesh_local.session import Session
from edgemesh_local.tool_environment import uv

_DEMO = "demo/run.py"
_ABUSE, _MESH = "abuse", "mesh"


async def demo(session: Session) -> int:
    """Build, run the demo on a mesh on free ports, stop; returns the demo's exit code."""
    layout, console = session.layout, session.console
    await session.build(others=[tests_environment(layout)])
    began = time.monotonic()
    lines: list[str] = []

    def show_line(name: str, line: str) -> None:
        lines.append(f"{name} | {line}")
        del lines[:-200]

    try:
        async with Mesh(session.executors, layout=layout, show=show_line) as mesh:
            console.line(f"the mesh is up  {duration(time.monotonic() - began)}")
            program = str(layout.root / _DEMO)
            await show(
                "the demo",
                [str(interpreter(layout.root / "tests")), program, mesh.address("gateway")],
                cwd=layout.root,
                env=os.environ,
            )
    except BaseException:
        for line in lines:
            console.line(line)
        raise
    console.line(f"demo  {duration(time.monotonic() - began)}")
    return 0


async def bench(session: Session) -> int:
    """Build, then run the benches; returns their exit code."""
    layout = session.layout
    await session.build(others=[tests_environment(layout)])
    try:
        await show(
            "the bench",
            [str(interpreter(layout.root / "tests")), "-m", "bench", *session.only],
            cwd=layout.root,
            env=os.environ | {"UV": uv()},  # the sandbox's set-up is measured, too
        )
    except CommandFailed as failure:
        return failure.code
    return 0


async def chaos(session: Session) -> int:
    """Build, then kill everything at random while 10,000 jobs run; returns the tests' exit code.

    PostgreSQL is among it where it is installed; its driver is among what tests need.
    """
    layout = session.layout
    await session.build(testing=True, others=[tests_environment(layout)])
    folder = layout.root / "tests"
    try:
        await show(
            "chaos",
            [str(interpreter(folder)), "-m", "pytest", "-q", "-s", "chaos"],
            cwd=folder,
            env={"CHAOS_JOBS": "10000"} | os.environ,
        )
    except CommandFailed as failure:
        return failure.code
    return 0


async def soak(session: Session) -> int:
    """Build, then make CALLS calls through a mesh, watching it; returns the tests' exit code."""
    layout = session.layout
    await session.build(others=[tests_environment(layout)])
    folder = layout.root / "tests"
    try:
        await show(
            "the soak",
            [str(interpreter(folder)), "-m", "pytest", "-q", "-s", "soak"],
            cwd=folder,
            env=os.environ,
        )
    except CommandFailed as failure:
        return failure.code
    return 0


async def corpus(session: Session) -> int:
    """Build the sandbox, then run in it the tests that others wrote; returns their exit code."""
    await session.build()
    folder = session.layout.root / "executor_pywasm"
    try:
        await show(
            "the corpus",
            [str(interpreter(folder)), "-m", "corpus", *session.only],
            cwd=folder,
            env=os.environ,
        )
    except CommandFailed as failure:
        return failure.code
    return 0


async def abuse(session: Session) -> int:
    """Build, then run the abuse suite: of the executor that runs strangers' code (its groups), and
    of the whole mesh (`mesh`)."""
    layout = session.layout
    await session.build(others=[tests_environment(layout)])
    folder, tests = layout.root / "executor_pywasm", layout.root / "tests"
    groups = [name for name in session.only if name != _MESH]
    env = os.environ | {"EDGEMESH_CACHE": str(layout.cache)}
    code = 0
    for wanted, command, cwd in (
        (
            groups or not session.only,
            [str(interpreter(folder)), str(folder / "tests" / "abuse"), *groups],
            layout.root,
        ),
        (_MESH in session.only or not session.only, [str(interpreter(tests)), "-m", _ABUSE], tests),
    ):
        try:
            if wanted:
                await show("the abuse suite", command, cwd=cwd, env=env)
        except CommandFailed as failure:
            code = failure.code
    return code
