"""A worker dies with its front: the kernel sends it a signal then, and it must not forget to."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Generator

from edgemesh_executor_pywasm.walls import kernel


@contextlib.contextmanager
def kept() -> Generator[None]:
    """Within it this process may become another user, upon which the kernel forgets the signal."""
    signal, parent = ctypes.c_int(), os.getppid()
    kernel.prctl(kernel.PR_GET_PDEATHSIG, ctypes.addressof(signal))
    try:
        yield
    finally:
        if signal.value:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.value)
            if os.getppid() != parent:  # it died in between
                os._exit(1)
