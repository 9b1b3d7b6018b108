"""What an operator says of a host that programs may speak with."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NAME = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[1-9][0-9]{0,4})?")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class HttpHost(BaseModel):
    """An entry of the setting `http`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], ...] = METHODS
    """What it may be asked by."""
    headers: dict[str, str] = Field(default_factory=dict[str, str])
    """Headers that requests get on the way, in which `{name}` stands for a secret of the file
    `http_secrets`: programs see neither. They take the place of the program's own."""
    internal: bool = False
    """Whether it is on a network of the operator's own: its address need not be public, and http
    without TLS is allowed."""

    def wrong(self, name: str) -> str:
        """What is wrong with an entry of this name; empty where nothing is."""
        if not _NAME.fullmatch(name):
            return "a host in lower case, with a port where it is not the usual one, or .host"
        for header, value in self.headers.items():
            if not _HEADER.fullmatch(header) or not (value.isascii() and value.isprintable()):
                return f"headers of printable ASCII; {header!r} is none"
        return ""


def capability(name: str) -> str:
    """What is granted for an entry: its host, whatever its port."""
    return f"http:{name.partition(':')[0]}"
