"""The numbers of the system calls that the policy names, by machine.

Rules: facts of the kernel's headers (asm/unistd_64.h; asm-generic/unistd.h for 64-bit ARM, which
lacks the older calls), never changed by it; no opinions.
"""

from __future__ import annotations

from collections.abc import Mapping

MACHINE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
"""What the kernel calls them (linux/audit.h)."""

NUMBERS: Mapping[str, Mapping[str, int]] = {
    "x86_64": {
        "access": 21, "brk": 12, "clock_getres": 229, "clock_gettime": 228, "clock_nanosleep": 230,
        "clone": 56, "clone3": 435, "close": 3, "close_range": 436, "epoll_create1": 291,
        "epoll_ctl": 233, "epoll_pwait": 281, "epoll_pwait2": 441, "epoll_wait": 232,
        "eventfd2": 290, "exit": 60, "exit_group": 231, "faccessat": 269, "faccessat2": 439,
        "fcntl": 72, "fstat": 5, "futex": 202, "futex_requeue": 456, "futex_wait": 455,
        "futex_waitv": 449, "futex_wake": 454, "getcpu": 309, "getcwd": 79, "getdents64": 217,
        "getegid": 108, "geteuid": 107, "getgid": 104, "getpid": 39, "getppid": 110,
        "getrandom": 318, "getrlimit": 97, "getrusage": 98, "getsockname": 51, "getsockopt": 55,
        "gettid": 186, "gettimeofday": 96, "getuid": 102, "io_uring_setup": 425, "ioctl": 16,
        "lseek": 8, "lstat": 6, "madvise": 28, "membarrier": 324, "memfd_create": 319,
        "mincore": 27, "mmap": 9, "mprotect": 10, "mremap": 25, "munmap": 11, "nanosleep": 35,
        "newfstatat": 262, "open": 2, "openat": 257, "openat2": 437, "poll": 7, "ppoll": 271,
        "prctl": 157, "pread64": 17, "prlimit64": 302, "process_madvise": 440, "pselect6": 270,
        "read": 0, "readlink": 89, "readlinkat": 267, "readv": 19, "recvfrom": 45, "recvmsg": 47,
        "restart_syscall": 219, "rseq": 334, "rt_sigaction": 13, "rt_sigprocmask": 14,
        "rt_sigreturn": 15, "sched_getaffinity": 204, "sched_yield": 24, "seccomp": 317,
        "select": 23, "sendto": 44, "set_robust_list": 273, "setrlimit": 160, "shutdown": 48,
        "sigaltstack": 131, "stat": 4, "statx": 332, "sysinfo": 99, "tgkill": 234, "time": 201,
        "times": 100, "uname": 63, "write": 1, "writev": 20,
    },
    "aarch64": {
        "brk": 214, "clock_getres": 114, "clock_gettime": 113, "clock_nanosleep": 115,
        "clone": 220, "clone3": 435, "close": 57, "close_range": 436, "epoll_create1": 20,
        "epoll_ctl": 21, "epoll_pwait": 22, "epoll_pwait2": 441, "eventfd2": 19, "exit": 93,
        "exit_group": 94, "faccessat": 48, "faccessat2": 439, "fcntl": 25, "fstat": 80,
        "futex": 98, "futex_requeue": 456, "futex_wait": 455, "futex_waitv": 449,
        "futex_wake": 454, "getcpu": 168, "getcwd": 17, "getdents64": 61, "getegid": 177,
        "geteuid": 175, "getgid": 176, "getpid": 172, "getppid": 173, "getrandom": 278,
        "getrlimit": 163, "getrusage": 165, "getsockname": 204, "getsockopt": 209, "gettid": 178,
        "gettimeofday": 169, "getuid": 174, "io_uring_setup": 425, "ioctl": 29, "lseek": 62,
        "madvise": 233, "membarrier": 283, "memfd_create": 279, "mincore": 232, "mmap": 222,
        "mprotect": 226, "mremap": 216, "munmap": 215, "nanosleep": 101, "newfstatat": 79,
        "openat": 56, "openat2": 437, "ppoll": 73, "prctl": 167, "pread64": 67, "prlimit64": 261,
        "process_madvise": 440, "pselect6": 72, "read": 63, "readlinkat": 78, "readv": 65,
        "recvfrom": 207, "recvmsg": 212, "restart_syscall": 128, "rseq": 293, "rt_sigaction": 134,
        "rt_sigprocmask": 135, "rt_sigreturn": 139, "sched_getaffinity": 123, "sched_yield": 124,
        "seccomp": 277, "sendto": 206, "set_robust_list": 99, "setrlimit": 164, "shutdown": 210,
        "sigaltstack": 132, "statx": 291, "sysinfo": 179, "tgkill": 131, "times": 153,
        "uname": 160, "write": 64, "writev": 66,
    },
}  # fmt: skip
