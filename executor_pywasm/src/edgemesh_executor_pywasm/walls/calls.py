"""Which system calls a worker may make: the policy, as tables.

Rules: what is in no table here fails with EPERM: no network, no files but to read, no processes
but threads of its own, no signals but to itself, no other way into the kernel. A call is here
because CPython, Wasmtime or the C library makes it while programs run; one that the C library
has a way around fails with ENOSYS, so that it takes that way.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping

from edgemesh_executor_pywasm.walls.bpf import Check, Null, OneOf, error

ALLOWED = (
    # memory
    "brk", "madvise", "memfd_create", "mincore", "mmap", "mprotect", "mremap", "munmap",
    "process_madvise",
    # threads, and waiting
    "clock_getres", "clock_gettime", "clock_nanosleep", "exit", "exit_group", "futex",
    "futex_requeue", "futex_wait", "futex_waitv", "futex_wake", "getcpu", "gettimeofday",
    "membarrier", "nanosleep", "restart_syscall", "rseq", "sched_getaffinity", "sched_yield",
    "set_robust_list", "time",
    # signals of its own
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack",
    # what it is
    "getegid", "geteuid", "getgid", "getpid", "getppid", "getrandom", "getrlimit", "getrusage",
    "gettid", "getuid", "setrlimit", "sysinfo", "times", "uname",
    # what is open: its sockets, the log, memory that the front shares
    "close", "close_range", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "eventfd2", "getsockname", "getsockopt", "lseek", "poll", "ppoll", "pread64",
    "pselect6", "read", "readv", "recvfrom", "recvmsg", "select", "shutdown", "write", "writev",
    # reading its own Python
    "access", "faccessat", "faccessat2", "fstat", "getcwd", "getdents64", "lstat", "newfstatat",
    "readlink", "readlinkat", "stat", "statx",
)  # fmt: skip

ABSENT = ("clone3", "openat2", "io_uring_setup")
"""Their arguments lie in memory, where no filter sees them."""

_THREAD = 0x100 | 0x800 | 0x1_0000  # CLONE_VM, CLONE_SIGHAND, CLONE_THREAD
_NAMESPACES = 0x7E02_0000  # CLONE_NEWNS, and all the other CLONE_NEW…
_TEMPORARY = 0o20000000  # the bit that O_TMPFILE adds to O_DIRECTORY
_WRITING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | _TEMPORARY
_FD_COMMANDS = (1, 2, 3, 1030, 1034)  # F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC, F_GET_SEALS
_IO_COMMANDS = (
    0xC060_6610,  # PAGEMAP_SCAN
    0x5401, 0x802C_542A, 0x5421, 0x5450, 0x5451,  # TCGETS, TCGETS2, FIONBIO, FIONCLEX, FIOCLEX
)  # fmt: skip
_OPTIONS = (2, 3, 15, 16, 21, 23, 39, 0x5356_4D41)
"""PR_GET_PDEATHSIG, _GET_DUMPABLE, _SET_NAME, _GET_NAME, _GET_SECCOMP, _CAPBSET_READ,
_GET_NO_NEW_PRIVS, _SET_VMA."""


def checked(pid: int) -> Mapping[str, Check]:
    """Calls that are allowed with some arguments, by the process `pid`; the frequent ones first."""
    return {
        "sendto": Null(4),  # to whom its socket is connected, and to nobody else
        "ioctl": OneOf(1, _IO_COMMANDS),
        "openat": OneOf(2, (0,), _WRITING),
        "open": OneOf(1, (0,), _WRITING),
        "fcntl": OneOf(1, _FD_COMMANDS),
        "clone": OneOf(0, (_THREAD,), _THREAD | _NAMESPACES),
        "prctl": OneOf(0, _OPTIONS),
        "prlimit64": OneOf(0, (0, pid)),
        "tgkill": OneOf(0, (pid,)),
    }


OTHERWISE = error(errno.EPERM)
MISSING = error(errno.ENOSYS)
