"""The commands behind `make`: each is a row of COMMANDS."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from edgemesh_local.bringing import brought
from edgemesh_local.command import CommandFailed
from edgemesh_local.console import Console
from edgemesh_local.content import NoSuchInput
from edgemesh_local.dashboard import dashboard
from edgemesh_local.generating import protos
from edgemesh_local.layout import Layout
from edgemesh_local.linting import lint
from edgemesh_local.locking import lock
from edgemesh_local.operations import operations
from edgemesh_local.ports import PortInUse
from edgemesh_local.programs import abuse, bench, chaos, corpus, demo, soak
from edgemesh_local.releasing import notices, release
from edgemesh_local.service import BadService, UnknownExecutor
from edgemesh_local.session import Session
from edgemesh_local.site import docs
from edgemesh_local.step import NothingProduced
from edgemesh_local.supervised import StartFailed
from edgemesh_local.system import MissingPackages
from edgemesh_local.testing import test
from edgemesh_local.toolchain import MissingTool
from edgemesh_local.up import up

_EXPECTED = (
    BadService,
    MissingPackages,
    MissingTool,
    NoSuchInput,
    NothingProduced,
    PortInUse,
    StartFailed,
    UnknownExecutor,
)
"""What a person can act on: one line, never a traceback."""
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Command:
    """One row: what it does, for `make help`, and the coroutine that does it."""

    summary: str
    run: Callable[[Session], Coroutine[Any, Any, int]]


async def _build(session: Session) -> int:
    await session.build()
    return 0


async def _clean(session: Session) -> int:
    for venv in session.layout.root.glob("**/.venv"):
        shutil.rmtree(venv)
    shutil.rmtree(session.layout.root / ".coverage", ignore_errors=True)
    session.console.line(f"environments are gone; the cache stays: {session.layout.cache}")
    return 0


COMMANDS = {
    "up": Command("build what is missing, run the mesh here (EXECUTORS=cpp,ml chooses)", up),
    "dashboard": Command("build the dashboard, run it beside a mesh of make up", dashboard),
    "demo": Command("build what is missing, run the demo on a mesh of its own", demo),
    "test": Command("build and test everything (ONLY=gateway,cpp chooses parts)", test),
    "lint": Command("style, types, directions of imports, contracts (ONLY=ruff chooses)", lint),
    "bench": Command("measure the mesh beside its peers (ONLY=hop,cpp chooses)", bench),
    "corpus": Command("run others' tests in the sandbox (ONLY=cpython chooses)", corpus),
    "abuse": Command("hostile programs against the sandbox, as a table (ONLY=files,text …)", abuse),
    "chaos": Command("10,000 jobs while everything is killed (CHAOS_JOBS=500 …)", chaos),
    "soak": Command("100,000 calls and what they leave behind (CALLS=1000000 …)", soak),
    "build": Command("build what is missing, start nothing", _build),
    "brought": Command("build, and lay what images may take into dist/images", brought),
    "docs": Command("build the site into build/site, strictly", docs),
    "protos": Command("make the Python and Go stubs from the contracts", protos),
    "operations": Command("make the tables of docs/operations.md from the sources", operations),
    "lock": Command("resolve every requirements*.in anew (ONLY=gateway chooses)", lock),
    "notices": Command("make THIRD-PARTY.md and the crates' notices anew", notices),
    "release": Command("wheels, source archives and notes, in dist/release", release),
    "clean": Command("remove the environments; the cache stays", _clean),
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="edgemesh_local", description=__doc__)
    parser.add_argument("command", choices=[*COMMANDS, "help"])
    parser.add_argument("--executors", type=_names, default=(), help="default: all")
    parser.add_argument("--only", type=_names, default=(), help="names of parts; default: all")
    options = parser.parse_args(arguments)
    console = Console()
    if options.command == "help":
        for name, command in COMMANDS.items():
            console.line(f"make {name:<11}{command.summary}")
        return 0
    session = Session(Layout.here(), console, options.executors or None, options.only)
    try:
        return asyncio.run(_until_terminated(COMMANDS[options.command].run(session)))
    except CommandFailed as failure:
        console.line(failure.tail())
        console.line(console.paint(str(failure), "red"))
        if failure.log is not None:
            console.line(f"its whole output: {failure.log}")
    except _EXPECTED as error:
        console.line(console.paint(str(error), "red"))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.line("interrupted")
        return _INTERRUPTED
    return 1


async def _until_terminated(work: Coroutine[Any, Any, int]) -> int:
    """SIGTERM is as Ctrl-C: what runs is ended, what is half done does not look done."""
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    finally:
        with contextlib.suppress(ValueError):
            asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
