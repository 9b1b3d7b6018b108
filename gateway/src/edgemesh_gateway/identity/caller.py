"""A caller, and the scopes that say what it may do.

Rules: a scope is a name, or a beginning of names and `*`. What is asked for must fit one of every
list: that of what the caller has shown, and that of its tenant's policy. An algorithm's scope is
its name without a version; `admin` is covered by nothing but itself. The data path's table
(`datapath/src/identity.rs`) covers names in the same way.

    cpp.*  python.run            algorithms
    capability:call:cpp.*        what a request asks for beyond its box
    algorithms:write  admin      services
    models:read  models:write
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mesh_service import errors

ADMIN = "admin"
ALL = ("*",)
MOST_SCOPES = 64
MOST_SCOPE = 255
CAPABILITY = "capability:"
_SCOPE = re.compile(r"[A-Za-z0-9._:/-]+\*?|\*")
_TENANT = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose a call is, and what it may do."""

    tenant: str
    who: str
    """By what it was shown: `key:<prefix>`, `token:<subject>`, `certificate:<name>`, or empty."""
    scopes: tuple[tuple[str, ...], ...] = (ALL,)
    """Lists of patterns, of each of which one must fit."""
    until: float | None = None
    """When what it has shown expires, in Unix time; None: never."""

    def has(self, scope: str) -> bool:
        """Whether it has a scope."""
        return all(any(covers(pattern, scope) for pattern in each) for each in self.scopes)

    def may_run(self, algorithm: str) -> bool:
        """Whether it may run an algorithm, or know that there is one of that name."""
        name = algorithm.partition("@")[0]
        return all(any(_begins(pattern, name) for pattern in each) for each in self.scopes)

    def demand(self, scope: str) -> None:
        """Raise PermissionDenied where it lacks a scope."""
        if not self.has(scope):
            raise errors.PermissionDenied(scope)

    def demand_algorithm(self, algorithm: str) -> None:
        """Raise PermissionDenied where it may not run it, whether there is one or not."""
        if not self.may_run(algorithm):
            raise errors.PermissionDenied(algorithm.partition("@")[0])


def covers(pattern: str, scope: str) -> bool:
    """Whether a pattern has a scope."""
    return pattern == ADMIN if scope == ADMIN else _begins(pattern, scope)


def _begins(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def is_scope(text: str) -> bool:
    """Whether a scope may be written so."""
    return len(text) <= MOST_SCOPE and _SCOPE.fullmatch(text) is not None


def is_tenant(text: str) -> bool:
    """Whether a tenant may be called so."""
    return _TENANT.fullmatch(text) is not None


def bounded(own: Sequence[str] | None, policy: Sequence[str] | None) -> tuple[tuple[str, ...], ...]:
    """The lists of one who has shown something with its `own` scopes, under a policy's.

    None: it has none of its own, or there is no policy.
    """
    lists = tuple(tuple(each) for each in (own, policy) if each is not None)
    return lists or (ALL,)
