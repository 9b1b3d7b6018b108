"""The walls of a worker: what holds a program that has broken out of WebAssembly.

    environment    knows no secret                       allow-list, memory wiped
    descriptors    can append to its log, and no more    opened anew
    namespaces     no network, no processes, no files    network, IPC and mount namespaces
    user           is not root                           setresuid
    privileges     has none and gains none               capabilities, no_new_privs, not dumpable
    landlock       reads its own Python, writes nothing  Landlock
    seccomp        asks the kernel for little            a filter of system calls

Rules: raised once, in a worker that has one thread, when its images are mapped and before its first
program; nothing takes them down again, and there is no setting that leaves one out. None costs a
call anything. A wall that cannot stand on this machine is told; with `strict` the worker does not
start then, unless others hold what it would have held (`namespaces`, `user`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from edgemesh_executor_pywasm.walls import (
    descriptors,
    environment,
    landlock,
    namespaces,
    privileges,
    seccomp,
)
from edgemesh_executor_pywasm.walls.needs import readable
from edgemesh_executor_pywasm.walls.wall import CannotRaise, Ground, Raised, Wall, WallsMissing

__all__ = ["WALLS", "Ground", "Raised", "Wall", "WallsMissing", "raise_walls", "readable"]

WALLS = (
    Wall("environment", environment.clear),
    Wall("descriptors", descriptors.narrow),
    Wall("namespaces", namespaces.enter, doubled=True),
    Wall("user", privileges.become_nobody, doubled=True),
    Wall("privileges", privileges.drop),
    Wall("landlock", landlock.restrict),
    Wall("seccomp", seccomp.confine),
)
"""In this order: each needs what later ones take away."""


def raise_walls(
    ground: Ground, *, strict: bool = False, walls: Sequence[Wall] = WALLS
) -> tuple[Raised, ...]:
    """Raise them around this process. Raises WallsMissing if `strict` and one does not stand."""
    alone = len(os.listdir("/proc/self/task")) == 1
    raised = tuple(_raise(wall, ground, alone) for wall in walls)
    missing = tuple(wall for wall in raised if not wall.stands and not wall.doubled)
    if strict and missing:
        raise WallsMissing(missing)
    return raised


def _raise(wall: Wall, ground: Ground, alone: bool) -> Raised:
    try:
        detail = wall.raise_(ground)
    except CannotRaise as error:
        return Raised(wall.name, False, str(error), wall.doubled)
    except OSError as error:
        return Raised(wall.name, False, f"the system says: {error}", wall.doubled)
    if not alone:  # most of them hold for this thread and for what it starts
        return Raised(wall.name, False, f"{detail}; but other threads ran already", wall.doubled)
    return Raised(wall.name, True, detail, wall.doubled)
