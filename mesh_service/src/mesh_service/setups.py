"""Bad set-ups: what a service finds wrong with where it is started, told in one line.

Rules: the line says where it is wrong, what is wrong there, and what mends it; it is for whoever
runs the service, and shows no secret. Looking leaves nothing behind. docs/setups.md lists the
lines, and tests hold it to them.

    BadSetup
    └── SettingsError    a setting is wrong (settings.py)
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

ROOM = 1 << 20
"""Bytes that a folder of state must have room for at the start."""
_KIB, _MIB = 1 << 10, 1 << 20
_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")
_LIMIT, _OLD_LIMIT = "memory.max", "memory.limit_in_bytes"


class BadSetup(Exception):
    """The service cannot work as it is set up."""

    def __init__(self, where: str, cause: str, mend: str = "") -> None:
        """`where`: a variable, a file, or a part of the machine."""
        self.where, self.cause, self.mend = where, cause, mend
        super().__init__(f"{where}: {self.rest}")

    @property
    def rest(self) -> str:
        """Its line without the place."""
        return f"{self.cause}; {self.mend}" if self.mend else self.cause

    @classmethod
    def read(cls, line: str) -> BadSetup:
        """The same from its line, as another process of the service has said it."""
        where, _, rest = line.partition(": ")
        cause, _, mend = rest.rpartition("; ")
        return cls(where, cause or mend, mend if cause else "")


def of(error: OSError, where: str, path: Path | None = None) -> BadSetup | None:
    """What an error of the system comes to, if its cause is a set-up; of `path`, or what it names.

    None: it may be anything.
    """
    if path is None and isinstance(error.filename, str):
        path = Path(error.filename)
    if path is None:
        told = error.errno in (errno.EACCES, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
        return BadSetup(where, os.strerror(error.errno or 0)) if told else _limit(error, where)
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return _closed(path, where)
        case errno.ENOSPC | errno.EDQUOT:
            at = _there(path)
            free = f"{_free(at) // _KIB} KiB are free, {ROOM // _KIB} KiB are needed to start"
            return BadSetup(where, f"{at} has no room: {free}", "free some, or give it more")
        case errno.EROFS:
            at = _there(path)
            mend = "mount a volume there, or name a folder that can be written to"
            return BadSetup(where, f"{at} is on a read-only file system", mend)
        case errno.ENOTDIR | errno.EEXIST:
            return BadSetup(where, f"{_there(path)} is no folder", "name one, or take it away")
        case _:
            return _limit(error, where)


def _limit(error: OSError, where: str) -> BadSetup | None:
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return BadSetup(where, "no more files can be opened", "raise the limit (ulimit -n)")
    return no_memory() if error.errno == errno.ENOMEM else None


def writable(folder: Path, where: str, named: Path | None = None) -> None:
    """Look whether a folder of state can be written to, or made. Raises BadSetup.

    `named`: what `where` names, if that is another above it.
    """
    import tempfile  # workers import this module too, and have no use for it

    folder = folder.absolute()
    try:
        with tempfile.TemporaryFile(dir=_there(folder)) as file:
            os.posix_fallocate(file.fileno(), 0, ROOM)
    except PermissionError:
        raise _closed(folder, where, (named or folder).absolute()) from None
    except OSError as error:
        raise of(error, where, folder) or BadSetup(
            where, f"{folder}: {error.strerror}", "name a folder that can be written to"
        ) from None


def readable(path: Path, where: str) -> None:
    """Look whether a file or folder may be read, where it is there. Raises BadSetup."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        raise _closed(path, where) from None
    except OSError:
        return  # whoever reads it tells of it


def temporary() -> None:
    """Look whether there is a folder for temporary files. Raises BadSetup."""
    import tempfile

    try:
        tempfile.gettempdir()
    except OSError:
        cause = "no folder for temporary files can be written to: /tmp, /var/tmp, the working one"
        raise BadSetup("TMPDIR", cause, "mount a tmpfs on /tmp, or name another folder") from None


def memory(needed: int, what: str, mend: str) -> None:
    """Look whether `needed` bytes may be used, which `what` takes. Raises BadSetup."""
    allowed = allowed_bytes()
    if allowed < needed:
        raise BadSetup(
            "memory",
            f"{allowed // _MIB} MiB may be used, and {what} takes {needed // _MIB} MiB",
            mend,
        )


def no_memory() -> BadSetup:
    """What it is told as that memory has run out."""
    return BadSetup("memory", "none is left", "raise the limit, or end what takes it")


def allowed_bytes(groups: Path = _GROUPS, own: Path = _OWN_GROUP) -> int:
    """Memory that this process may use: the machine's, or less by limits of control groups."""
    allowed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for file in _limits(groups, own):
        try:
            allowed = min(allowed, int(file.read_text()))
        except (OSError, ValueError):  # there is no such group here, or it says "max"
            continue
    return allowed


def certificates(where: str) -> None:
    """Look whether certificates of authorities are installed. Raises BadSetup."""
    import ssl  # dear, and most services speak with nobody outside

    paths = ssl.get_default_verify_paths()
    bundle = Path(paths.cafile) if paths.cafile else None
    try:
        if bundle is not None and bundle.stat().st_size:
            return
        if paths.capath and any(Path(paths.capath).glob("*.[0-9]")):
            return
    except OSError:
        pass
    looked = f"{paths.cafile or paths.openssl_cafile}, {paths.capath or paths.openssl_capath}"
    raise BadSetup(
        where,
        f"needs the certificates of authorities, and there are none in {looked}",
        "install ca-certificates, or name a file of them by SSL_CERT_FILE",
    )


def illegal_instruction() -> BadSetup:
    """What it is told as that a worker could not begin for its instructions."""
    return BadSetup(
        "processor",
        "a worker ended with signal SIGILL: its code was compiled for another processor",
        "build it on this machine or for a lower level of x86-64, or run it on a newer processor",
    )


def _limits(groups: Path, own: Path) -> list[Path]:
    """The files that may hold a limit of this process's group or one above it, of either kind."""
    found: list[Path] = []
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in ("0::/", "0:memory:/", *lines):
        _, kinds, group = line.split(":", 2)
        root, name = (groups, _LIMIT) if not kinds else (groups / "memory", _OLD_LIMIT)
        if kinds and "memory" not in kinds.split(","):
            continue
        at = root / group.lstrip("/")
        found += [each / name for each in (at, *at.parents) if each.is_relative_to(root)]
    return found


def _closed(path: Path, where: str, named: Path | None = None) -> BadSetup:
    """A path that this user may not read; `named`: write to, of which the operator knows."""
    path, user = path.absolute(), os.geteuid()
    at = _there(path)
    try:
        status = at.stat()
    except OSError:
        return BadSetup(where, f"{path} is closed to user {user}", "let that user in")
    owner = f"it is user {status.st_uid}'s, mode {status.st_mode & 0o7777:o}"
    if named is not None and at.is_relative_to(named):
        mend = f"chown -R {user} {at}"
    elif named is not None:  # never a word of changing the owner of what may be the root of all
        mend = f"make it (install -d -o {user} {named}), or name another folder"
    elif at.is_dir():
        mend = f"chmod -R a+rX {at}" if at == path else f"let that user pass ({path} is wanted)"
    else:
        mend = f"chown {user} {at}"
    return BadSetup(where, f"{at} is closed to user {user}: {owner}", mend)


def _there(path: Path) -> Path:
    """The last part of a path that is there, as far as this user can see it."""
    for at in (path, *path.parents):
        try:
            at.stat()
        except OSError:
            continue
        return at
    return Path("/")


def _free(at: Path) -> int:
    try:
        found = os.statvfs(at)
    except OSError:
        return 0
    return found.f_bavail * found.f_frsize
