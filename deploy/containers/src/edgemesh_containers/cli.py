"""`python -m edgemesh_containers up|scale|replace|rm|ls`: the manager from a terminal.

Rules: decides nothing. stdout has what the gateway is to be told, or what `ls` lists; stderr what
is done, and an error as one line. Exit codes: 0 done, 1 refused or failed, 2 the command line is
wrong.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from edgemesh_containers.engine import DockerEngine, Engine
from edgemesh_containers.errors import BadSpec, ContainersError
from edgemesh_containers.health import HEALTHY_S
from edgemesh_containers.kinds import KINDS
from edgemesh_containers.manager import DEFAULT_FLEET, Manager
from edgemesh_containers.placement import EXECUTORS, Placement, variable
from edgemesh_containers.spec import Spec

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SIZE = re.compile(r"(\d+)([kmg]?)b?", re.IGNORECASE)


def main(
    arguments: Sequence[str] | None = None,
    connect: Callable[[str | None], Engine] = DockerEngine,
) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with Manager(
            connect(options.engine),
            options.fleet,
            healthy_s=options.wait,
            overcommit=options.overcommit,
            tell=lambda line: print(line, file=sys.stderr, flush=True),
        ) as manager:
            _COMMANDS[options.command](manager, options)
    except BadSpec as error:
        print(f"edgemesh-containers: {error}", file=sys.stderr)
        return 2
    except ContainersError as error:
        print(f"edgemesh-containers: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _up(manager: Manager, options: argparse.Namespace) -> None:
    spec = Spec(executor=options.executor, tenant=options.tenant, **_given(options))
    manager.up(spec, options.replicas)
    _say(manager, options.tenant)


def _scale(manager: Manager, options: argparse.Namespace) -> None:
    manager.scale(options.executor, options.replicas, options.tenant)
    _say(manager, options.tenant)


def _replace(manager: Manager, options: argparse.Namespace) -> None:
    spec = manager.spec(options.executor, options.tenant)
    manager.replace(dataclasses.replace(spec, **_given(options)))
    _say(manager, options.tenant)


def _rm(manager: Manager, options: argparse.Namespace) -> None:
    manager.remove(options.executor, options.tenant, volumes=options.volumes)
    _say(manager, options.tenant)


def _ls(manager: Manager, options: argparse.Namespace) -> None:
    found = manager.placements()
    if options.json:
        for each in found:
            print(each.to_json())
    elif options.addresses is not None:
        print(variable(found, options.addresses))
    else:
        print(table(found))


_COMMANDS = {"up": _up, "scale": _scale, "replace": _replace, "rm": _rm, "ls": _ls}


def _say(manager: Manager, tenant: str) -> None:
    """What the gateway of that tenant, or of all, is to be told from now on."""
    print(f"{EXECUTORS}='{variable(manager.placements(), tenant)}'")


def table(placements: Sequence[Placement]) -> str:
    """Columns as wide as what is in them."""
    head = ("EXECUTOR", "TENANT", "REPLICA", "ADDRESS", "STATE", "RUNTIME", "IMAGE", "CONTAINER")
    rows = [head] + [
        (p.executor, p.tenant or "-", str(p.number), p.address, p.state, p.runtime, p.image, p.name)
        for p in placements
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The fields of a specification that the command line names."""
    fields = {each.name for each in dataclasses.fields(Spec)} - {"executor", "tenant"}
    said = {name: getattr(options, name, None) for name in fields}
    given = {name: value for name, value in said.items() if value is not None}
    for name in ("mounts", "environment"):
        if name in given:
            given[name] = dict(given[name])
    return given


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    if not found:
        raise argparse.ArgumentTypeError(f"a size such as 512m or 4g, not {text!r}")
    return int(found[1]) * _UNITS[found[2].lower()]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE, not {text!r}")
    return name, value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edgemesh-containers",
        description="edgemesh's executors in containers.",
        epilog="What the gateway is to be told is printed; nothing tells it.",
    )
    parser.add_argument("--engine", metavar="URL", help="the engine; default: DOCKER_HOST")
    parser.add_argument("--fleet", default=DEFAULT_FLEET, help="the name of what is managed")
    parser.add_argument(
        "--wait", type=float, default=HEALTHY_S, metavar="S", help="seconds until one is healthy"
    )
    parser.add_argument(
        "--overcommit", action="store_true", help="promise the machine's memory more than once"
    )
    commands = parser.add_subparsers(dest="command", required=True)

    up = _command(commands, "up", "start what is missing, and end what is too many")
    up.add_argument("--replicas", type=int, default=1)
    _add_spec(up)
    scale = _command(commands, "scale", "have so many, made like those that are there")
    scale.add_argument("replicas", type=int)
    replace = _command(commands, "replace", "make each anew, with what is said here changed")
    _add_spec(replace)
    rm = _command(commands, "rm", "end them, when they have finished what they run")
    rm.add_argument("--volumes", action="store_true", help="remove what they keep, too")
    ls = commands.add_parser("ls", help="list them")
    form = ls.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="an object a line")
    form.add_argument(
        "--addresses",
        nargs="?",
        const="",
        metavar="TENANT",
        help="what the gateway of all, or that of a tenant, is to be told",
    )
    return parser


def _command(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    command.add_argument("executor", help=f"{', '.join(KINDS)}, or another with --port")
    command.add_argument("--tenant", default="", help="whose; default: everybody's")
    return command


def _add_spec(command: argparse.ArgumentParser) -> None:
    """Options of a specification; one that is not given has no say."""
    add = command.add_argument
    add("--image", help="default: edgemesh-<executor>:latest")
    add("--runtime", help="an OCI runtime that the engine knows; default: runc")
    add("--gateway", metavar="CONTAINER", help="is brought into their network")
    add("--port", type=int, help="on which the executor serves")
    add("--publish", metavar="ADDRESS:PORT", help="for a gateway that is in no container")
    add("--memory", dest="memory_bytes", type=_size, metavar="SIZE", help="default: 4g")
    add("--cpus", type=float, help="default: 2")
    add("--pids", type=int, help="processes and threads")
    add("--shm", dest="shm_bytes", type=_size, metavar="SIZE", help="shared memory; default: 256m")
    add("--tmp", dest="tmp_bytes", type=_size, metavar="SIZE", help="temporary files; default: 64m")
    add("--secrets", metavar="SOURCE", help="with mesh.toml; default: edgemesh_secrets")
    add(
        "--mount",
        dest="mounts",
        type=_pair,
        action="append",
        metavar="PATH=SOURCE",
        help="a volume or folder to be read, e.g. /plugins=edgemesh_plugins",
    )
    add(
        "--set",
        dest="environment",
        type=_pair,
        action="append",
        metavar="NAME=VALUE",
        help="a setting of the executor",
    )
