"""Requirements as callers write them, and the lock that becomes of them.

Rules: by name and version only; URLs, paths and options are refused before anything sees them. A
lock is text as pip reads it, names no address, and its SHA-256 is the environment's id.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from mesh_service.errors import InvalidRequest, Violation

FIELD = "dependencies"
CAPABILITIES = frozenset({"candle"})
"""Names that are no packages: a call is granted them."""
MOST = 64
_NOTHING = "# nothing beside the image\n"
_LOCKED = re.compile(r"([a-z0-9][a-z0-9-]*)==([A-Za-z0-9.!+_-]+) --hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Locked:
    """One wheel of a lock."""

    name: str
    version: str
    sha256: str
    url: str = ""
    """Where it lies, if that is known."""
    nbytes: int = 0
    """Its size, if that is known."""


@dataclass(frozen=True, slots=True)
class Lock:
    """An environment's wheels."""

    wheels: tuple[Locked, ...]

    @property
    def text(self) -> str:
        """As it is kept."""
        if not self.wheels:  # an empty text means no environment
            return _NOTHING
        lines = (f"{w.name}=={w.version} --hash=sha256:{w.sha256}\n" for w in self.wheels)
        return "".join(lines)

    @property
    def id(self) -> str:
        """Of the environment."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def check(dependencies: Sequence[str], allowed: Sequence[str] | None) -> list[str]:
    """The requirements, as the resolver may have them. Raises InvalidRequest with all faults."""
    if not 0 < len(dependencies) <= MOST:
        raise InvalidRequest([Violation(FIELD, f"1 to {MOST}, not {len(dependencies)}")])
    violations = list(_violations(dependencies, allowed))
    if violations:
        raise InvalidRequest(violations)
    return [str(Requirement(each)) for each in dependencies]


def _violations(dependencies: Sequence[str], allowed: Sequence[str] | None) -> Iterator[Violation]:
    for index, text in enumerate(dependencies):
        field = f"{FIELD}[{index}]"
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            yield Violation(field, f"a name with versions, e.g. humanize==4.*; {error}"[:500])
            continue
        name = canonicalize_name(requirement.name)
        if requirement.url or not text.isprintable():
            yield Violation(field, "a name with versions; no URL or path")
        elif name in CAPABILITIES:
            yield Violation(
                field, f"no {name}: it is no package but a capability, which a call is granted"
            )
        elif not _allowed(name, allowed):
            yield Violation(field, f"not {name}: it is not on the operator's list")


def locked(
    pylock: str, supplied: Mapping[str, str], allowed: Sequence[str] | None
) -> tuple[Lock, dict[str, str]]:
    """What the resolver has found: the wheels, and what the image supplies of it.

    Raises InvalidRequest where a package has native code, or is not on the operator's list.
    """
    wheels: list[Locked] = []
    from_image: dict[str, str] = {}
    violations: list[Violation] = []
    for package in tomllib.loads(pylock).get("packages", []):
        name, version = canonicalize_name(str(package["name"])), str(package["version"])
        if name in supplied:
            from_image[name] = version
            continue
        wheel = _pure(package.get("wheels", []))
        if not _allowed(name, allowed):
            violations.append(Violation(FIELD, f"not {name}: it is not on the operator's list"))
        elif wheel is None:
            offered = ", ".join(f"{k} {v}" for k, v in sorted(supplied.items()))
            why = f"{name} {version} has native code: it has no wheel of pure Python"
            violations.append(Violation(FIELD, f"{why}. The image offers {offered}"))
        else:
            wheels.append(
                Locked(
                    name,
                    version,
                    str(wheel["hashes"]["sha256"]),
                    str(wheel.get("url", "")),
                    int(wheel.get("size", 0)),
                )
            )
    if violations:
        raise InvalidRequest(violations)
    return Lock(tuple(sorted(wheels, key=lambda each: each.name))), from_image


def parse(text: str) -> Lock:
    """A lock that was kept. Raises InvalidRequest."""
    if text == _NOTHING:
        return Lock(())
    wheels: list[Locked] = []
    for line in text.splitlines():
        found = _LOCKED.fullmatch(line)
        if found is None:
            raise InvalidRequest([Violation("lock", f"name==version --hash=…, not {line[:100]!r}")])
        name, version, digest = found.groups()
        wheels.append(Locked(name, version, digest))
    lock = Lock(tuple(wheels))
    if lock.text != text:
        raise InvalidRequest([Violation("lock", "one requirement in each line")])
    return lock


def _pure(wheels: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The wheel of pure Python, if there is one."""
    for wheel in wheels:
        url = str(wheel.get("url") or wheel.get("name") or wheel.get("path") or "")
        if url.partition("#")[0].endswith("-none-any.whl") and "sha256" in wheel.get("hashes", {}):
            return wheel
    return None


def _allowed(name: str, allowed: Sequence[str] | None) -> bool:
    return allowed is None or name in {canonicalize_name(each) for each in allowed}
