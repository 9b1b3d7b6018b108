"""Runs many modules of tests, over several processes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from corpus.record import Module
from corpus.running import driver, run_module
from edgemesh_sandbox import Sandbox

_SANDBOX: list[Sandbox] = []


@dataclass(frozen=True, slots=True)
class Task:
    """One module to run."""

    name: str
    framework: str
    """Which driver runs it: `unittest` or `pytest`."""
    pack: Callable[[str], bytes]
    """Makes the zip of the module and what it needs, in the process that runs it."""
    options: dict[str, Any] = field(default_factory=dict[str, Any])


def run(tasks: Iterable[Task], jobs: int) -> Iterator[Module]:
    """Run them; each module as it comes to its end."""
    context = get_context("spawn")  # Wasmtime does not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_open) as pool:
        futures = [pool.submit(_run, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_here(sandbox: Sandbox, task: Task) -> Module:
    """Run one in a sandbox of the caller's."""
    packed = task.pack(task.name)
    program = driver(task.framework)
    return run_module(sandbox, program, task.name, packed, options=task.options)


def _open() -> None:
    _SANDBOX.append(Sandbox(spare=False))


def _run(task: Task) -> Module:
    found = run_here(_SANDBOX[0], task)
    print(f"... {task.name}  {found.seconds:.1f} s", file=sys.stderr)
    return found
