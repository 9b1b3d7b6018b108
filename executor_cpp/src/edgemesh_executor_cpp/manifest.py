"""A plugin's manifest: `<name>.json` beside `<name>.so`, written when it was built.

Rules: it is a stranger's file. It says which bytes it belongs to, so that a plugin whose files are
still being copied is not taken for a whole one; what it says of the plugin is only believed when
the plugin says the same.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

_MOST_BYTES = 4 << 20
SUFFIX = ".json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Name = Annotated[str, StringConstraints(pattern=f"^{NAME.pattern}$")]


class BadManifest(Exception):
    """A manifest is missing or makes no sense; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Manifest(BaseModel):
    """What is read of it; the rest is for other tools."""

    model_config = ConfigDict(frozen=True, strict=True)

    manifest: int = Field(ge=1, le=1)
    """The format's version."""
    name: Name
    version: Name
    abi_version: int
    sha256: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    """Of the `.so`."""

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read one. Raises BadManifest."""
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_BYTES + 1)
        except FileNotFoundError:
            raise BadManifest(f"no manifest {path.name} beside it") from None
        except OSError as error:
            raise BadManifest(f"{path.name} cannot be read: {error.strerror}") from None
        if len(data) > _MOST_BYTES:
            raise BadManifest(f"{path.name} is larger than {_MOST_BYTES} bytes")
        try:
            return cls.model_validate(json.loads(data))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            raise BadManifest(f"{path.name}: {where}: {first['msg']}") from None
        except (ValueError, RecursionError) as error:
            raise BadManifest(f"{path.name} is no JSON: {error}") from None
