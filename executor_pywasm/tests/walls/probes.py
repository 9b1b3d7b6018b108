"""What somebody tries who runs native code in a worker.

Rules: each probe does one thing, gives what it got hold of, and leaves nothing changed that the
next one needs; one that is refused raises OSError, and `probe` gives the error's name.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = _libc.ptrace.restype = ctypes.c_long
_libc.shmat.restype = ctypes.c_void_p
_ENVIRONMENT = tuple(  # where the kernel put it; asked for before any wall stands
    int(field) for field in Path("/proc/self/stat").read_text().rpartition(")")[2].split()[47:49]
)
_MESSAGE = b"secret of a worker"

PROBES: dict[str, Callable[..., Any]] = {}


def probe(name: str, arguments: list[Any]) -> dict[str, Any]:
    """Run one: {"got": …} or {"refused": "EPERM"}."""
    try:
        return {"got": PROBES[name](*arguments)}
    except OSError as error:
        return {"refused": errno.errorcode.get(error.errno or 0, str(error))}


def _probe(function: Callable[..., Any]) -> Callable[..., Any]:
    PROBES[function.__name__] = function
    return function


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer


def _syscall(number: int, *arguments: Any) -> int:
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *words))


# The network


@_probe
def connect(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return connection.recv(5).decode()


@_probe
def datagram(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", port))


@_probe
def listen() -> str:
    with socket.create_server(("127.0.0.1", 0)):
        return "listens"


@_probe
def abstract_socket(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + name)
        return connection.recv(5).decode()


@_probe
def ring() -> int:
    """io_uring, which would do the rest without further system calls."""
    descriptor = _syscall(425, 8, ctypes.create_string_buffer(120))
    os.close(descriptor)
    return descriptor


# Secrets


@_probe
def variable(name: str) -> str:
    if name not in os.environ:
        raise OSError(errno.ENOENT, name)
    return os.environ[name]


@_probe
def memory_of_environment(text: str) -> str:
    begin, end = _ENVIRONMENT
    found = ctypes.string_at(begin, end - begin)
    if text.encode() not in found:
        raise OSError(errno.ENOENT, text)
    return text


# Files


@_probe
def read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(64).decode(errors="replace")


@_probe
def listing(path: str) -> int:
    return len(os.listdir(path))


@_probe
def create(folder: str) -> str:
    path = Path(folder, "created")
    path.write_text("x")
    path.unlink()
    return "created"


@_probe
def unnamed(folder: str) -> str:
    os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    return "created"


@_probe
def overwrite(path: str) -> int:
    with open(path, "r+b") as file:
        return file.write(b"")


@_probe
def cut_off(path: str) -> str:
    os.truncate(path, os.stat(path).st_size)
    return "cut off"


@_probe
def folder(parent: str) -> str:
    os.mkdir(f"{parent}/folder")
    os.rmdir(f"{parent}/folder")
    return "made"


@_probe
def link(path: str) -> str:
    os.link(path, f"{path}.link")
    os.unlink(f"{path}.link")
    return "linked"


@_probe
def symbolic_link(parent: str) -> str:
    os.symlink("/", f"{parent}/symlink")
    os.unlink(f"{parent}/symlink")
    return "linked"


@_probe
def rename(path: str) -> str:
    os.rename(path, f"{path}.renamed")
    os.rename(f"{path}.renamed", path)
    return "renamed"


@_probe
def mode(path: str) -> str:
    os.chmod(path, 0o600)
    return "changed"


@_probe
def times(path: str) -> str:
    os.utime(path)
    return "changed"


@_probe
def lock(path: str) -> str:
    """A lock that the front or a set-up would wait for."""
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "locked"


@_probe
def cut_log() -> str:
    size = os.fstat(2).st_size
    os.write(2, b"more\n")
    os.ftruncate(2, size)
    return "cut"


@_probe
def rewrite_log() -> str:
    """Write over the log's first bytes."""
    os.lseek(2, 0, os.SEEK_SET)
    os.write(2, b"forged")
    if os.fstat(2).st_size == os.lseek(2, 0, os.SEEK_CUR):
        raise OSError(errno.EPERM, "it was appended")
    return "rewritten"


@_probe
def read_log() -> str:
    return os.pread(2, 6, 0).decode()


# Processes


@_probe
def execute() -> str:
    """A program without a name: who may execute is told that the name is missing."""
    try:
        _checked(_libc.execve(None, None, None))
    except OSError as error:
        if error.errno != errno.EFAULT:
            raise
    return "executed"


@_probe
def spawn() -> int:
    pid = os.posix_spawn("/bin/true", ["true"], {})
    return os.waitpid(pid, 0)[1]


@_probe
def fork() -> int:
    pid = os.fork()
    if not pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


@_probe
def send_signal(pid: int) -> str:
    os.kill(pid, 0)  # asks only whether one could be sent
    return "sent"


@_probe
def send_signal_by_descriptor(pid: int) -> str:
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, 0)
    os.close(descriptor)
    return "sent"


@_probe
def queue_signal(pid: int) -> str:
    _checked(_libc.sigqueue(pid, 0, ctypes.c_void_p()))
    return "sent"


@_probe
def trace(pid: int) -> str:
    seize = 0x4206
    answers: list[tuple[int, int]] = []

    def seize_it() -> None:  # it is let go when this thread ends
        answers.append((_libc.ptrace(seize, pid, None, None), ctypes.get_errno()))

    thread = threading.Thread(target=seize_it)
    thread.start()
    thread.join()
    ctypes.set_errno(answers[0][1])
    _checked(answers[0][0])
    return "traced"


@_probe
def pid() -> int:
    return os.getpid()


@_probe
def address() -> int:
    """Where the message lies in this process."""
    return ctypes.cast(ctypes.c_char_p(_MESSAGE), ctypes.c_void_p).value or 0


@_probe
def read_memory(pid: int, place: int) -> str:
    mine = ctypes.create_string_buffer(len(_MESSAGE))
    local = struct.pack("@PN", ctypes.addressof(mine), len(_MESSAGE))
    remote = struct.pack("@PN", place, len(_MESSAGE))
    _checked(_libc.process_vm_readv(pid, local, 1, remote, 1, 0))
    return mine.raw.decode()


@_probe
def exists(pid: int) -> str:
    os.stat(f"/proc/{pid}")
    return "exists"


@_probe
def limit(pid: int) -> str:
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    return "limited"


@_probe
def pin(pid: int) -> str:
    os.sched_setaffinity(pid, os.sched_getaffinity(pid))
    return "pinned"


@_probe
def shared_memory(key: int) -> str:
    segment = _checked(_libc.shmget(key, 16, 0))
    place = _libc.shmat(segment, None, 0o10000)
    return ctypes.string_at(place, 5).decode()


# Privileges


@_probe
def capabilities() -> int:
    sets = ctypes.create_string_buffer(24)
    _checked(_libc.capget(struct.pack("=II", 0x2008_0522, 0), sets))
    held = sum(struct.unpack("=6I", sets.raw))
    if not held:
        raise OSError(errno.EPERM, "none")
    return held


@_probe
def dumpable() -> int:
    if not _libc.prctl(3, 0, 0, 0, 0):
        raise OSError(errno.EPERM, "not dumpable")
    return 1


@_probe
def be_dumpable() -> int:
    return _checked(_libc.prctl(4, 1, 0, 0, 0))


@_probe
def outlive_front() -> str:
    _checked(_libc.prctl(1, signal.SIGKILL, 0, 0, 0))  # the value that it has
    return "set"


@_probe
def new_namespace() -> str:
    _checked(_libc.unshare(0x0400_0000))  # of host names, which harms nothing
    return "made"


@_probe
def new_user_namespace() -> int:
    """A process in one, where it would have every capability."""
    fresh_user = 0x1000_0000
    pid = _syscall(56 if os.uname().machine == "x86_64" else 220, fresh_user | 17, 0, 0, 0, 0)
    if not pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


@_probe
def mount(path: str) -> str:
    _checked(_libc.mount(b"none", path.encode(), b"tmpfs", 0, None))
    _checked(_libc.umount2(path.encode(), 2))
    return "mounted"


@_probe
def keyring() -> int:
    number = 250 if os.uname().machine == "x86_64" else 219
    return _syscall(number, 0, -4, 0)  # the user's keyring


# What a worker does, and must be able to go on doing


@_probe
def usual() -> list[str]:
    done: list[str] = []
    thread = threading.Thread(target=done.append, args=("a thread",))
    thread.start()
    thread.join()
    with mmap.mmap(-1, 1 << 20) as memory:
        memory[:] = bytes(1 << 20)
        done.append("memory")
    with contextlib.suppress(ModuleNotFoundError):
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
    import colorsys  # of the library, and nobody has imported it before

    done.append(colorsys.__name__)
    print("a line of the log", file=sys.stderr)
    done.append("the log")
    return done
