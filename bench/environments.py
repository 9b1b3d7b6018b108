"""Environments of peers: each in the cache, with what its lock names, made when first asked for.

Rules: a peer that cannot be had is no error of the bench: `PeerMissing` says why, and the table
says it too. What a peer has no wheel of is built, by tools of requirements-<peer>-build.lock.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.brief import BRIEF
from edgemesh_local.layout import Layout

FOLDER = Path(__file__).parent
_NEWEST = 15


class PeerMissing(Exception):
    """A peer cannot be installed or run here."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def environment_of(
    peer: str,
    least: tuple[int, int] = (3, 11),
    built: str = "",
    variables: Mapping[str, str] | None = None,
) -> Path:
    """The environment of requirements-<peer>.lock on a Python that is new enough.

    `built`: the package that is built from its source, with these variables. Raises PeerMissing.
    """
    lock = FOLDER / f"requirements-{peer}.lock"
    told = repr(sorted(variables.items())).encode() if variables else b""
    key = hashlib.sha256(lock.read_bytes() + told).hexdigest()[:16]
    venv = Layout.here().tools / f"{peer}-{key}"
    if not (venv / "whole").exists():
        if BRIEF:
            raise PeerMissing("not fetched for a brief run")
        base = _python(least)
        shutil.rmtree(venv, ignore_errors=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        _do([base, "-m", "venv", str(venv)])
        pip += ["--require-hashes", "--only-binary", ":all:"]
        if built:
            _do([*pip, "-r", str(lock.with_name(f"requirements-{peer}-build.lock"))])
            pip += ["--no-binary", built, "--no-build-isolation"]
        _do([*pip, "-r", str(lock)], venv, variables)
        (venv / "whole").touch()
    return venv


def _do(
    words: list[str], venv: Path | None = None, variables: Mapping[str, str] | None = None
) -> None:
    env = {**os.environ, **(variables or {})}
    if venv:  # tools to build with are found where they were installed
        env["PATH"] = f"{venv / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    try:
        subprocess.run(words, check=True, capture_output=True, text=True, env=env)
    except OSError as error:
        raise PeerMissing(str(error)) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).strip().splitlines()[-1:]
        raise PeerMissing(f"cannot be installed: {''.join(last)[:120]}") from error


def _python(least: tuple[int, int]) -> str:
    for candidate in _pythons():
        check = f"import ensurepip, sys, venv; sys.exit(sys.version_info < {least})"
        try:
            subprocess.run([candidate, "-c", check], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    raise PeerMissing(f"needs Python {least[0]}.{least[1]}, which is not here")


def _pythons() -> Iterator[str]:
    yield str(Path(sys.base_prefix) / "bin" / "python3")
    names = [f"python3.{minor}" for minor in range(11, _NEWEST + 1)]
    yield from filter(None, map(shutil.which, names))
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(map(str, kept.glob("*/bin/python3")))
