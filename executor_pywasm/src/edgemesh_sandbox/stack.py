"""Room for deep calls: guests run on the native stack of the thread that calls them.

Rules: a guest may use `STACK_BYTES` of native stack before it is trapped; on a thread with less
it would run into the guard page and take the process with it. The main thread's stack grows up
to a limit that is raised here; other threads have what they were started with, and one with too
little hands the work to a thread of its own.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from edgemesh_sandbox.engine import NATIVE_STACK_BYTES

T = TypeVar("T")

_SPAWN = threading.Lock()
_LOCAL = threading.local()


def on_deep_stack(work: Callable[[], T]) -> T:
    """Call `work` here if this thread's stack is deep enough, else on one that is."""
    if _deep_enough():
        return work()
    outcome: list[T] = []
    failure: list[BaseException] = []

    def body() -> None:
        try:
            outcome.append(work())
        except BaseException as error:  # carried over to the caller's thread
            failure.append(error)

    thread = deep_thread(body)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def deep_thread(target: Callable[[], None], name: str = "sandbox") -> threading.Thread:
    """A daemon thread, started by the caller, whose stack is deep enough."""

    class Deep(threading.Thread):
        def start(self) -> None:
            with _SPAWN:  # the stack's size is a setting of the whole process
                before = threading.stack_size(NATIVE_STACK_BYTES)
                try:
                    super().start()
                finally:
                    threading.stack_size(before)

    return Deep(target=target, name=name, daemon=True)


def deep_threads(count: int, name: str) -> ThreadPoolExecutor:
    """A pool of `count` threads whose stacks are deep enough."""
    threads = ThreadPoolExecutor(count, thread_name_prefix=name)
    started = threading.Barrier(count)
    with _SPAWN:  # it starts a thread for each of these, since none is idle before all are there
        before = threading.stack_size(NATIVE_STACK_BYTES)
        try:
            waiting = [threads.submit(started.wait) for _ in range(count)]
        finally:
            threading.stack_size(before)
    wait(waiting)
    return threads


def _deep_enough() -> bool:
    known: bool | None = getattr(_LOCAL, "deep", None)
    if known is None:
        known = _LOCAL.deep = _measure()
    return known


def _measure() -> bool:
    if threading.current_thread() is threading.main_thread():
        return _raise_main_limit()
    return _thread_stack_bytes() >= NATIVE_STACK_BYTES


def _raise_main_limit() -> bool:
    """Linux checks the main thread's limit when its stack grows, not when it starts."""
    if not sys.platform.startswith("linux"):
        return False
    import resource  # not on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    if soft == resource.RLIM_INFINITY or soft >= NATIVE_STACK_BYTES:
        return True
    if hard != resource.RLIM_INFINITY and hard < NATIVE_STACK_BYTES:
        return False
    resource.setrlimit(resource.RLIMIT_STACK, (NATIVE_STACK_BYTES, hard))
    return True


def _thread_stack_bytes() -> int:
    """This thread's stack as glibc and musl tell it; 0 where they cannot."""
    try:
        libc = ctypes.CDLL(None)
        attributes = ctypes.create_string_buffer(256)  # pthread_attr_t is 56 to 64 bytes
        base, size = ctypes.c_void_p(), ctypes.c_size_t()
        libc.pthread_self.restype = ctypes.c_void_p
        if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
            return 0
        libc.pthread_attr_getstack(attributes, ctypes.byref(base), ctypes.byref(size))
        libc.pthread_attr_destroy(attributes)
        return size.value
    except (OSError, AttributeError, TypeError):  # macOS has no such call, Windows no such library
        return 0
