"""A reader of the pages: each page has a checkout to work in, a terminal and a Python of its own.

Rules: blocks of a page run in their order, in one shell and one namespace, as a reader would run
them. Ports that the pages name are the standard ones; a reader here has those of the mesh under
test. What a block prints is kept for the block behind it, which may say what that is. A line
`make up` runs on behind, as in a terminal of its own: a mesh of the page's, whose ports the rest of
the page has; another such line takes its place.
"""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from shell import Failed, Shell

from edgemesh_client import Client
from edgemesh_local.ports import free_port

OWN = ("cpp_plugins",)
"""Folders of the checkout in which a page makes files: the reader's are its own, of links."""
STATE = "~/.cache/edgemesh"
"""Where pages say that a mesh keeps what it keeps; here it is a folder of the page's."""
STANDARD = {
    "50051": "EDGEMESH_GATEWAY_PORT",
    "8080": "EDGEMESH_GATEWAY_REST_PORT",
    "9051": "EDGEMESH_GATEWAY_METRICS_PORT",
    "50061": "EDGEMESH_CPP_PORT",
    "9061": "EDGEMESH_CPP_METRICS_PORT",
    "50062": "EDGEMESH_ML_PORT",
    "9062": "EDGEMESH_ML_METRICS_PORT",
    "50063": "EDGEMESH_PYWASM_PORT",
    "9063": "EDGEMESH_PYWASM_METRICS_PORT",
}
"""The ports of `make up`, and what sets them."""
_UP = re.compile(r"^(?P<line>(?:\w+=\S+ )*make up\b[^#\n]*).*$", re.MULTILINE)
_STOP = """\
[ -z "${UP-}" ] || { kill -TERM -- "-$UP" && wait "$UP" || true; }
while [ -n "${UP-}" ] && kill -0 -- "-$UP" 2>/dev/null; do sleep 0.1; done
UP=
"""
_START = """\
trap '[ -z "$UP" ] || kill -TERM -- "-$UP"' EXIT
export EDGEMESH_ADDRESS={address}
mkdir -p {state}/gateway
rm -f up.log
set -m
{line} >up.log 2>&1 &
UP=$!
set +m
until grep -qs "the mesh is up" up.log; do
  kill -0 "$UP" || {{ cat up.log >&2; false; }}
  sleep 0.1
done
"""


class Page:
    """One page, being read."""

    def __init__(self, folder: Path, env: Mapping[str, str], ports: Mapping[str, str]) -> None:
        self._folder, self._env, self._ports = folder, env, ports
        self._up: Mapping[str, str] = {}
        self._patch = pytest.MonkeyPatch()
        self._shell: Shell | None = None
        self._blocks = 0
        self.printed = ""
        """What the block before has printed."""

    def python(self, source: str, namespace: dict[str, Any]) -> None:
        """Run a block of Python, from a file, as functions' source is read."""
        self._blocks += 1
        file = self._folder / f"block_{self._blocks}.py"
        file.write_text(self._with_ports(source))
        linecache.checkcache(str(file))
        namespace.setdefault("__name__", "page")
        out = io.StringIO()
        with contextlib.chdir(self._folder), contextlib.redirect_stdout(out):
            exec(compile(file.read_text(), file, "exec"), namespace)
        self.printed = out.getvalue()

    def sh(self, source: str) -> None:
        """Run a block in the page's terminal. Raises shell.Failed."""
        if self._shell is None:
            self._shell = Shell(self._folder, self._env)
        if _UP.search(source):
            self._up = self._up or {port: str(free_port("127.0.0.1")) for port in STANDARD}
            source = _UP.sub(self._behind, source)
        source = source.replace(STATE, f"{self._folder}/state")
        self.printed = self._shell.run(self._with_ports(source))

    def _behind(self, line: re.Match[str]) -> str:
        """What starts the page's own mesh, with what it keeps in the page's folder."""
        state = f"{self._folder}/state"
        own = {name: self._up[port] for port, name in STANDARD.items()} | {
            "EDGEMESH_GATEWAY_DATABASE": f"sqlite:///{state}/gateway/gateway.db",
            "EDGEMESH_PYWASM_SESSION_DIR": f"{state}/sessions/pywasm-50063",
        }
        settings = " ".join(f"{name}={value}" for name, value in own.items())
        address = f"127.0.0.1:{self._up['50051']}"
        self._patch.setenv("EDGEMESH_ADDRESS", address)  # for Python's blocks
        line_here = f"{settings} {line['line']}"
        return _STOP + _START.format(state=state, address=address, line=line_here)

    def close(self, namespace: Mapping[str, Any]) -> None:
        """End what its blocks have left running."""
        for value in namespace.values():
            if isinstance(value, Client):
                value.close()
        self._patch.undo()
        if self._shell is not None:
            if self._up:
                with contextlib.suppress(Failed):
                    self._shell.run(_STOP)
            self._shell.close()

    def _with_ports(self, source: str) -> str:
        for port, own in {**self._ports, **self._up}.items():
            source = re.sub(rf"(?<![\d.]){port}\b", own, source)
        return source


def checkout(root: Path, folder: Path) -> Path:
    """A folder that looks like the checkout, in which a reader may make files."""
    folder.mkdir(parents=True)
    for path in root.iterdir():
        if path.name in OWN:
            (folder / path.name).mkdir()
            for inside in path.iterdir():
                (folder / path.name / inside.name).symlink_to(inside)
        elif not path.name.startswith(".") and path.name != "build":
            (folder / path.name).symlink_to(path)
    return folder


def environment(bin_: Path, more: Mapping[str, str]) -> dict[str, str]:
    """What a terminal starts with: the programs in `bin_` first, no colours, no settings."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("EDGEMESH_", "COVERAGE_", "PYTEST_")) or name == "EDGEMESH_CACHE"
    }
    env["PATH"] = os.pathsep.join([str(bin_), env.get("PATH", os.defpath)])
    return env | {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"} | dict(more)
