"""Backup of what a mesh keeps in folders, and back again.

    backup.py --database GATEWAY.DB --jobs FOLDER --sessions FOLDER --fetched FOLDER save > FILE
    backup.py --database …                                                     restore < FILE

Rules: nothing but the standard library, so that the Python of a service's image runs it. It saves
while the mesh runs, and what it saves is of one moment: SQLite's own online copy of the database,
and beside it the files that its rows name, which nobody changes and which are held by links until
they are saved. A session's file only grows, and is read again where it changed meanwhile. A backup
is a tar file whose last member counts the others; one that was cut off is not restored, and
nothing is restored over what there is. It holds the key of the sessions: keep it like one.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, TypeAlias

FORMAT = 1
SUMMARY = "backup.json"
PARTS = ("database", "jobs", "sessions", "fetched")
NO_STATE = frozenset({"key", "lock"})
"""Files of a folder of sessions in which there is none."""
REFUSED = 2
TRIES = 5
"""How often a session is read that changes meanwhile; then what was read is taken as it is."""
Counts: TypeAlias = dict[str, dict[str, int]]
"""Of each part: files and bytes."""
_DATABASE = "gateway.db"
_STAGE = ".restoring"


class BackupError(Exception):
    """What was wrong, where, and what was expected."""


class Writer:
    """A backup that is being written."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._counts = _no_counts()

    def add(self, part: str, name: str, file: IO[bytes]) -> None:
        """Add what a file holds, as it is now."""
        size = os.fstat(file.fileno()).st_size
        self._add(f"{part}/{name}", size, file)
        self._counts[part]["files"] += 1
        self._counts[part]["bytes"] += size

    def end(self) -> None:
        """Say what it holds; only then it is whole."""
        saved = datetime.now(UTC).isoformat(timespec="seconds")
        summary = {"format": FORMAT, "saved": saved, "parts": self._counts}
        content = json.dumps(summary).encode()
        self._add(SUMMARY, len(content), io.BytesIO(content))
        _tell("saved", self._counts)

    def _add(self, name: str, size: int, file: IO[bytes]) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = size, int(time.time()), 0o600
        file.seek(0)
        self._tar.addfile(info, file)


def save(places: Mapping[str, Path], target: IO[bytes]) -> None:
    """Save what there is at these places. Raises BackupError, OSError, sqlite3.Error."""
    there = {part: place for part, place in places.items() if place.exists()}
    for part in places.keys() - there.keys():
        print(f"{part}: there is none at {places[part]}", file=sys.stderr)
    if not there:
        raise BackupError("nothing was saved, for there is nothing at any of these places")
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        writer = Writer(tar)
        _save_gateway(writer, there.get("database"), there.get("jobs"))
        if (sessions := there.get("sessions")) is not None:
            for path in _files(sessions):
                if path.suffix == ".session" or path.name == "key":
                    with contextlib.suppress(FileNotFoundError), _quiet_copy(path) as copy:
                        writer.add("sessions", path.relative_to(sessions).as_posix(), copy)
        if (fetched := there.get("fetched")) is not None:
            _add_all(writer, "fetched", fetched)
        writer.end()


def _save_gateway(writer: Writer, database: Path | None, jobs: Path | None) -> None:
    with contextlib.ExitStack() as stack:
        held = None
        if jobs is not None:
            held = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=jobs.parent)))
            _link(jobs, held)
        if database is not None:
            writer.add("database", _DATABASE, stack.enter_context(_copy(database)))
        if jobs is not None and held is not None:
            _link(jobs, held)  # those that came before the copy was made
            _add_all(writer, "jobs", held)


def restore(places: Mapping[str, Path], source: IO[bytes]) -> None:
    """Put a backup where nothing is yet. Raises BackupError, OSError, sqlite3.Error."""
    stages = {part: _folder(part, place) / _STAGE for part, place in places.items()}
    for stage in stages.values():  # of one that was killed
        shutil.rmtree(stage, ignore_errors=True)
    for part, place in places.items():
        if _holds_something(part, place):
            raise BackupError(f"{part}: {place} is not empty; restore into a mesh that is new")
    try:
        for stage in stages.values():
            stage.mkdir(mode=0o700, parents=True)
        counts = _extract(stages, source)
        if counts["database"]["files"] and "database" in stages:
            _check(stages["database"] / _DATABASE)
        for part, place in places.items():
            _move(stages[part], place, part)
    finally:
        for stage in stages.values():
            shutil.rmtree(stage, ignore_errors=True)
    _tell("restored", counts)


def _extract(stages: Mapping[str, Path], source: IO[bytes]) -> Counts:
    counts = _no_counts()
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None:
                    raise BackupError(f"{member.name[:100]!r} is no file")
                if member.name == SUMMARY:
                    summary = json.load(content)
                    if summary["format"] != FORMAT:
                        raise BackupError(f"format {FORMAT} expected, not {summary['format']}")
                    if summary["parts"] != counts:
                        raise BackupError("what it holds is not what it says it holds")
                    return counts
                part, path = _name(member.name)
                counts[part]["files"] += 1
                counts[part]["bytes"] += member.size
                if part in stages:
                    _write(stages[part] / path, content)
    except (tarfile.TarError, KeyError, TypeError, ValueError) as error:
        raise BackupError(f"this is no backup, or not all of one: {error}") from None
    raise BackupError("this is not all of a backup: its end is missing")


def _name(name: str) -> tuple[str, PurePosixPath]:
    """The part and the path of a member. Raises BackupError where it could lead elsewhere."""
    part, *inner = name.split("/")
    if part not in PARTS or not inner or any(word in ("", ".", "..", _STAGE) for word in inner):
        raise BackupError(f"{name[:100]!r} has no place in a backup")
    return part, PurePosixPath(*inner)


def _write(path: Path, content: IO[bytes]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _move(stage: Path, place: Path, part: str) -> None:
    """Out of the stage into place: by renaming, since both are on one disk."""
    if part == "database":
        with contextlib.suppress(FileNotFoundError):
            (stage / _DATABASE).replace(place)
        return
    for path in stage.iterdir():
        path.replace(place / path.name)


def _holds_something(part: str, place: Path) -> bool:
    if part == "database":
        return place.exists()
    return any(path.name not in NO_STATE for path in _files(place))


def _folder(part: str, place: Path) -> Path:
    return place.parent if part == "database" else place


@contextlib.contextmanager
def _copy(database: Path) -> Generator[IO[bytes]]:
    """A copy by SQLite, beside the database, where there is room for it if anywhere."""
    with tempfile.NamedTemporaryFile(dir=database.parent, prefix="backup-") as file:
        # In one go: a reader does not hold up the gateway, which would have it begin anew.
        with (
            contextlib.closing(
                sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)
            ) as source,
            contextlib.closing(sqlite3.connect(file.name)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        with open(file.name, "rb") as whole:
            yield whole


def _check(database: Path) -> None:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise BackupError(f"the database is damaged: {said}")


@contextlib.contextmanager
def _quiet_copy(path: Path) -> Generator[IO[bytes]]:
    with tempfile.TemporaryFile(dir=path.parent) as copy, path.open("rb") as file:
        for _ in range(TRIES):
            before = _state(file)
            file.seek(0)
            copy.seek(0)
            copy.truncate()
            shutil.copyfileobj(file, copy)
            copy.flush()
            if _state(file) == before:
                break
        yield copy


def _state(file: IO[bytes]) -> tuple[int, int]:
    stat = os.fstat(file.fileno())
    return stat.st_size, stat.st_mtime_ns


def _link(folder: Path, into: Path) -> None:
    for path in _files(folder):
        target = into / path.relative_to(folder)
        target.parent.mkdir(exist_ok=True, parents=True)
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            target.hardlink_to(path)


def _add_all(writer: Writer, part: str, folder: Path) -> None:
    for path in _files(folder):
        if path.suffix != ".part" and not path.name.startswith("."):  # not yet whole
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
                writer.add(part, path.relative_to(folder).as_posix(), file)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _no_counts() -> Counts:
    return {part: {"files": 0, "bytes": 0} for part in PARTS}


def _tell(what: str, counts: Counts) -> None:
    told = (f"{part} {each['files']} ({each['bytes']:,} bytes)" for part, each in counts.items())
    print(f"{what}: {', '.join(told)}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Save what a mesh keeps, or put it back.")
    parser.add_argument("--database", type=Path, help="the gateway's SQLite file")
    parser.add_argument("--jobs", type=Path, help="its EDGEMESH_GATEWAY_JOB_FILES")
    parser.add_argument("--sessions", type=Path, help="EDGEMESH_PYWASM_SESSION_DIR")
    parser.add_argument(
        "--fetched", type=Path, help="`fetched/files` of the Python executor's cache"
    )
    parser.add_argument("do", choices=("save", "restore"))
    given = parser.parse_args(arguments)
    named = {part: getattr(given, part) for part in PARTS}
    places = {part: place for part, place in named.items() if place is not None}
    if not places:
        parser.error("name at least one place")
    try:
        if given.do == "save":
            save(places, sys.stdout.buffer)
        else:
            restore(places, sys.stdin.buffer)
    except (BackupError, OSError, sqlite3.Error) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
