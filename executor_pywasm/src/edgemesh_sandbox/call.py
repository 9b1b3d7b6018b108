"""A function of the program, to be called when the program has run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """Which function, with what."""

    function: str
    """The name of a global of the program."""
    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    refs: str | None = None
    """If given, the result is whole: it refers to all of its tensors, by names behind this."""
