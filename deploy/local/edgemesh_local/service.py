"""A service as its `service.toml` describes it: the only place that knows what is specific to it.

Unknown keys are refused, so that a misspelt one is not silently without effect.

    name = "cpp"                      # as in EXECUTORS=cpp,ml
    module = "edgemesh_executor_cpp"  # started with `python -m`
    env_prefix = "EDGEMESH_CPP_"
    port = 50061
    metrics_port = 9061
    http_port = 8080                  # where it serves HTTP too (its setting REST_PORT)
    [needs]
    packages = ["cmake", "g++"]       # of the system
    tools = { cmake = "3.16" }        # least versions
    [[steps]]                         # in order; see Step
    [[tests]]                         # commands beside pytest; see Check
    [[lints]]
    calls_gateway = "GATEWAY"         # its setting that gets the gateway's address
    brings = ["cp", "-r", …, "{out}"]  # what lays into {out} what its image may take from here
    [env]                             # variables it starts with
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, cast

_T = TypeVar("_T")


class BadService(Exception):
    """A `service.toml` does not say what it must."""

    def __init__(self, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


@dataclass(frozen=True, slots=True)
class Needs:
    """What the machine must have before the steps can run."""

    packages: tuple[str, ...] = ()
    """Debian packages."""
    tools: Mapping[str, str] = field(default_factory=dict[str, str])
    """Program → least version."""


@dataclass(frozen=True, slots=True)
class Step:
    """One native part, or one thing to fetch or prepare.

    In `command`, `produces` and `env`: {root} the checkout, {service} its folder, {cache} the
    cache, {key} the step's content key, {python} the service's interpreter.
    """

    name: str
    inputs: tuple[str, ...]
    """Globs relative to the checkout; what the key is made of."""
    command: tuple[str, ...]
    produces: tuple[str, ...]
    """Globs of what must be there afterwards; absolute, after the substitutions above."""
    in_environment: bool = False
    """Whether it runs in the service's environment, and so after it is made."""
    install: bool = False
    """Whether what it produces are wheels for that environment."""
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Check:
    """A command that tests or lints a part that is not Python."""

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    needs: Needs = field(default_factory=Needs)


@dataclass(frozen=True, slots=True)
class Service:
    """One service."""

    folder: Path
    name: str
    module: str
    env_prefix: str
    port: int
    metrics_port: int
    http_port: int = 0
    """Standard port of HTTP; 0: it serves none."""
    needs: Needs = field(default_factory=Needs)
    steps: tuple[Step, ...] = ()
    tests: tuple[Check, ...] = ()
    lints: tuple[Check, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    calls_gateway: str = ""
    """Its setting, without the prefix, that says where the gateway is; empty: it need not know."""
    brings: tuple[str, ...] = ()
    """Command that lays, beside its wheels, what its container image may take; see bringing."""

    @property
    def is_gateway(self) -> bool:
        """Whether it is the one that needs the others' addresses."""
        return self.name == "gateway"


def load(folder: Path) -> Service:
    """Read `folder`/service.toml. Raises BadService."""
    path = folder / "service.toml"
    try:
        table = tomllib.loads(path.read_text())
        table |= {
            "needs": _needs(table.get("needs", {})),
            "steps": tuple(_record(Step, step) for step in table.get("steps", ())),
            "tests": tuple(_check(check) for check in table.get("tests", ())),
            "lints": tuple(_check(check) for check in table.get("lints", ())),
        }
        return _record(Service, {**table, "folder": folder})
    except (OSError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise BadService(path, str(error)) from None


def _needs(table: dict[str, Any]) -> Needs:
    return _record(Needs, table)


def _check(table: dict[str, Any]) -> Check:
    return _record(Check, {**table, "needs": _needs(table.get("needs", {}))})


def _record(kind: type[_T], table: dict[str, Any]) -> _T:
    known = {item.name: item for item in fields(cast("Any", kind))}
    if unknown := sorted(table.keys() - known.keys()):
        raise ValueError(f"unknown key {unknown[0]!r} in {kind.__name__.lower()}")
    for item in known.values():
        required = item.default is MISSING and item.default_factory is MISSING
        if required and item.name not in table:
            raise ValueError(f"{kind.__name__.lower()} lacks {item.name!r}")
    return kind(
        **{
            name: tuple(cast("list[Any]", value)) if isinstance(value, list) else value
            for name, value in table.items()
        }
    )


GATEWAY = "gateway"
"""The folder, and the name, of the gateway."""


def all_services(root: Path) -> dict[str, Service]:
    """Every service of the checkout by name, executors in order of their ports, gateway last."""
    found = sorted(
        (load(path.parent) for path in root.glob("*/service.toml")),
        key=lambda service: (service.is_gateway, service.port),
    )
    return {service.name: service for service in found}


class UnknownExecutor(Exception):
    """EXECUTORS names what no `service.toml` describes."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__(f"EXECUTORS: no executor {name!r}; there are {', '.join(known)}")


def select(root: Path, executors: tuple[str, ...] | None) -> list[Service]:
    """The named executors (None: all) and the gateway. Raises UnknownExecutor, BadService."""
    services = all_services(root)
    known = tuple(name for name, service in services.items() if not service.is_gateway)
    for name in executors or ():
        if name not in known:
            raise UnknownExecutor(name, known)
    wanted = known if executors is None else executors
    return [
        service for service in services.values() if service.is_gateway or service.name in wanted
    ]
