"""What each tenant may: one TOML file.

Rules: what a tenant's table does not say `[default]` says, and what that does not say is not
limited. A tenant that is not named is what `[default]` says; without such a table it may do
nothing. All that is wrong is said at once, each with its line. The file says nothing secret.

    [default]
    scopes = ["cpp.*"]                  # identity/caller.py has what they mean
    [tenants.physics]
    scopes = ["cpp.*", "python.run", "capability:call:cpp.*", "algorithms:write"]
    rate = "100/second"                 # calls that begin; also /minute, /hour, /day, /10 seconds
    concurrency = 16                    # calls at once, those that wait too
    max_request_bytes = 1_048_576
    compute_seconds_per_day = 3600      # slots held, by days of UTC
    classes = ["interactive", "batch"]
    weight = 2                          # share of the slots that are waited for; default 1
    [algorithms."cpp.svd"]
    max_concurrency = 4                 # calls that run at once, of all tenants and versions
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from edgemesh.compute.v1 import compute_pb2
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError

from edgemesh_gateway.identity.caller import MOST_SCOPES, is_scope, is_tenant

CLASSES = {
    "realtime": compute_pb2.PRIORITY_REALTIME,
    "interactive": compute_pb2.PRIORITY_INTERACTIVE,
    "batch": compute_pb2.PRIORITY_BATCH,
}
MOST_SAID = 20
LEAST_WEIGHT, MOST_WEIGHT = 0.01, 1000
Kind = TypeVar("Kind", bound=BaseModel)
_TABLES = "[tenants.<name>], [algorithms.<name>]"
_ALGORITHM = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_HEADER = re.compile(r"\s*(\[[^\[].*?\])\s*(#.*)?")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


class BadPolicy(Exception):
    """A policy cannot be used; says where and what was expected, one line for each."""


def _scope(text: str) -> str:
    if not is_scope(text):
        raise ValueError("a scope: a name, or a beginning of names and *, e.g. cpp.*")
    return text


def _rate(text: str) -> str:
    import limits  # where no tenant has a rate, a quarter of a second saved

    try:
        limits.parse(text)
    except ValueError:
        raise ValueError('calls in a time, e.g. "100/second" or "5/10 seconds"') from None
    return text


class Rules(BaseModel):
    """What a tenant may."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    scopes: Annotated[
        tuple[Annotated[str, AfterValidator(_scope)], ...], Field(max_length=MOST_SCOPES)
    ] = ("*",)
    """What it may do, whatever it has shown."""
    rate: Annotated[str, AfterValidator(_rate)] | None = None
    """Calls that it may begin in a time; the time begins with the first of them."""
    concurrency: Annotated[StrictInt, Field(ge=1)] | None = None
    """Calls that it may have at once: those that wait too, not those that its own work makes."""
    max_request_bytes: Annotated[StrictInt, Field(ge=1)] | None = None
    """Largest request."""
    compute_seconds_per_day: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """How long its calls may hold slots on a day of UTC, all together."""
    classes: Annotated[tuple[Literal["realtime", "interactive", "batch"], ...], Field()] | None = (
        None
    )
    """Priorities that it may ask for."""
    weight: Annotated[float, Field(ge=LEAST_WEIGHT, le=MOST_WEIGHT, strict=True)] = 1.0
    """Its share, beside others', of the slots that are waited for."""

    def allows(self, priority: int) -> bool:
        """Whether it may ask for a priority."""
        return self.classes is None or any(CLASSES[name] == priority for name in self.classes)

    @property
    def class_bits(self) -> int:
        """The same, a bit for each priority."""
        names = CLASSES if self.classes is None else self.classes
        return sum(1 << CLASSES[name] for name in set(names))


class AlgorithmRules(BaseModel):
    """What an algorithm may, whoever calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    max_concurrency: Annotated[StrictInt, Field(ge=1)]
    """Calls of it that run at once, all versions together; others wait."""


NOTHING = Rules(scopes=())


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules of all tenants and algorithms."""

    default: Rules | None = None
    tenants: Mapping[str, Rules] = field(default_factory=dict[str, Rules])
    most_running: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many of an algorithm run at once, by its name without a version."""

    def of(self, tenant: str) -> Rules:
        """Those of one."""
        return self.tenants.get(tenant) or self.default or NOTHING


def read_policy(path: Path) -> Policy:
    """The policy of a file. Raises BadPolicy."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return parse(text)
    except BadPolicy as error:
        lines = str(error).splitlines()
        raise BadPolicy("\n".join(f"{path}:{line}" for line in lines)) from None


def parse(text: str) -> Policy:
    """The policy of a text. Raises BadPolicy, each line of which begins with a line's number."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadPolicy(_toml(error, text)) from None
    where = _Lines(text)
    wrong: list[tuple[int, str]] = [
        (where.of((name,)), f"{name}: only [default] and {_TABLES}")
        for name in content
        if name not in ("default", "tenants", "algorithms")
    ]
    default = None
    if "default" in content:
        default = _rules(Rules, ("default",), content["default"], where, wrong) or NOTHING
    tenants: dict[str, Rules] = {}
    for name, table in _tables("tenants", content, where, wrong):
        if not is_tenant(name):
            expected = "a tenant's name: 1 to 128 characters of [A-Za-z0-9._-]"
            wrong.append((where.of(("tenants", name)), f"tenants.{name}: {expected}"))
        own = _rules(Rules, ("tenants", name), table, where, wrong) or NOTHING
        said = {key: getattr(own, key) for key in own.model_fields_set}
        tenants[name] = own if default is None else default.model_copy(update=said)
    most_running: dict[str, int] = {}
    for name, table in _tables("algorithms", content, where, wrong):
        if not _ALGORITHM.fullmatch(name):
            expected = 'an algorithm\'s name in quotes, without a version: [algorithms."cpp.svd"]'
            wrong.append((where.of(("algorithms", name)), f"algorithms.{name}: {expected}"))
        elif rules := _rules(AlgorithmRules, ("algorithms", name), table, where, wrong):
            most_running[name] = rules.max_concurrency
    if wrong:
        raise BadPolicy("\n".join(f"{line}: {what}" for line, what in sorted(wrong)[:MOST_SAID]))
    return Policy(default, tenants, most_running)


def _tables(
    name: str, content: dict[str, Any], where: _Lines, wrong: list[tuple[int, str]]
) -> Iterable[tuple[str, Any]]:
    found = content.get(name, {})
    if isinstance(found, dict):
        return cast(dict[str, Any], found).items()
    wrong.append((where.of((name,)), f"{name}: tables, [{name}.<name>]"))
    return ()


def _rules(
    kind: type[Kind],
    path: tuple[str, ...],
    table: Any,
    where: _Lines,
    wrong: list[tuple[int, str]],
) -> Kind | None:
    named = ".".join(path)
    if not isinstance(table, dict):
        wrong.append((where.of(path), f"{named}: a table"))
        return None
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        for each in error.errors():
            key = str(each["loc"][0])
            expected = each["msg"].removeprefix("Value error, ")
            if each["type"] == "extra_forbidden":
                expected = f"no such rule; one of {', '.join(kind.model_fields)}"
            wrong.append((where.of((*path, key)), f"{named}.{key}: {expected}"))
    return None


def _toml(error: tomllib.TOMLDecodeError, text: str) -> str:
    found = re.search(r"\(at line (\d+), column \d+\)", str(error))
    line = int(found[1]) if found else text.count("\n") + 1
    what = re.sub(r" \(at .*\)$", "", str(error))
    return f"{line}: {what}"


class _Lines:
    """Where a document's keys are, as far as one line tells it; else where their table is."""

    def __init__(self, text: str) -> None:
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.fullmatch(line):
                table = _path(f"{header[1]}")
                for length in range(1, len(table) + 1):
                    self._lines.setdefault(table[:length], number)
                self._lines[table] = number
            elif key := _KEY.match(line):
                path = table + _path(f"{key[1]} = 0")
                for length in range(len(table) + 1, len(path) + 1):
                    self._lines.setdefault(path[:length], number)

    def of(self, path: Sequence[str]) -> int:
        for length in range(len(path), 0, -1):
            if line := self._lines.get(tuple(path[:length])):
                return line
        return 1


def _path(toml: str) -> tuple[str, ...]:
    try:
        content: Any = tomllib.loads(toml)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while isinstance(content, dict) and content:
        ((name, content),) = cast(dict[str, Any], content).items()
        path.append(name)
    return tuple(path)
