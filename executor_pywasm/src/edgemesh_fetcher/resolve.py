"""Requirements to exact wheels, by uv.

Rules: uv runs in a process of its own that has no secret, a folder of its own, and limits of time,
processor and file sizes; it reads metadata only and never builds anything. Where its index is, its
ordinary configuration says. What the image supplies is offered to it as empty wheels of exactly
that version, and nothing else of that name: so it satisfies what depends on it and constrains what
does not fit it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgemesh_fetcher.errors import FetchError

_MOST_WORDS = 8000
_FILE_BYTES = 256 << 20
_ERROR = "error: "
_NO_SOLUTION = 1


def resolve(
    requirements: Sequence[str],
    supplied: Mapping[str, str],
    python: str,
    uv: Path,
    cache: Path,
    timeout_s: float,
    *,
    offline: bool,
) -> str:
    """A lock in the form of pylock.toml. Raises FetchError, with uv's own words."""
    with tempfile.TemporaryDirectory(prefix="resolve-") as scratch:
        folder = Path(scratch)
        (folder / "supplied").mkdir()
        for name, version in supplied.items():
            _write_wheel(folder / "supplied", name, version)
        (folder / "requirements.in").write_text("".join(f"{each}\n" for each in requirements))
        pins = "".join(f"{name}=={version}\n" for name, version in supplied.items())
        (folder / "constraints.txt").write_text(pins)
        command = [
            *(str(uv), "pip", "compile", "requirements.in", "--constraints", "constraints.txt"),
            *("--find-links", "supplied", "--no-build", "--python-version", python),
            *("--format", "pylock.toml", "--no-header", "--no-annotate", "--no-progress"),
            *("--no-python-downloads", "--color", "never", "--cache-dir", str(cache)),
            *(("--offline",) if offline else ()),
        ]
        return _run(command, folder, timeout_s)


def _run(command: Sequence[str], folder: Path, timeout_s: float) -> str:
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: _confine(timeout_s),
    )
    try:
        out, words = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise FetchError("timeout", f"the resolver took longer than {timeout_s:g} s") from None
    if process.returncode:
        # It tells apart that there is no solution, and that it could not find out.
        kind = "unsolvable" if process.returncode == _NO_SOLUTION else "unavailable"
        raise FetchError(kind, _words(words.decode(errors="replace")))
    return out.decode()


def _confine(timeout_s: float) -> None:
    seconds = int(timeout_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _words(text: str) -> str:
    """What the resolver says, from its error on."""
    at = text.find(_ERROR)
    said = text[at + len(_ERROR) :] if at >= 0 else text
    lines = [line.strip() for line in said.splitlines()]
    return "\n".join(line for line in lines if line)[:_MOST_WORDS] or "no reason given"


def _write_wheel(folder: Path, name: str, version: str) -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
