"""Somebody else's part of what we ship."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A crate, a Python package, a library of C++."""

    name: str
    version: str
    licence: str
    """As an SPDX expression where its author gave one."""
    texts: tuple[str, ...] = ()
    """Its licence and notices, as they came with it."""
