"""The command `edgemesh` as a process of its own, as tests run it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(address: str, key: str = "") -> dict[str, str]:
    """What a command is started with: nothing of EDGEMESH_* but where the mesh is."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("EDGEMESH_") or name in ("EDGEMESH_CACHE", "EDGEMESH_LOG_FORMAT")
    }
    return clean | {"EDGEMESH_ADDRESS": address, "EDGEMESH_API_KEY": key, "COLUMNS": "200"}


async def edgemesh(
    address: str,
    *words: str,
    stdin: str = "",
    cwd: Path | None = None,
    key: str = "",
    env: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Said:
    """Run it; `env` is added to its environment, `before` are words before its own."""
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        "-m",
        "edgemesh_client",
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
        env=environment(address, key) | dict(env or {}),
    )
    out, err = await process.communicate(stdin.encode())
    assert process.returncode is not None
    said = Said(process.returncode, out.decode(), err.decode())
    assert "edgemesh_client/" not in said.err  # no frame of ours, ever
    return said
