"""The zygote: ``python -m mesh_service.pool.zygote_process SOCKET PARENT MODULE…``.

Rules: it imports, says that it is ready, and forks workers when asked to; it runs no work. Workers
are its siblings: the front's own children. It has one thread; what its modules have imported lies
in memory once for all workers until they write to it, so it is never collected.
"""

from __future__ import annotations

import gc
import importlib
import os
import socket
import sys

from . import child, sibling

READY = b"ready "
"""Before the number of a fork that has ended: the proof that it can."""
NO = b"-"
"""Before an error's number and what it says; a worker's number has nothing before it."""


def _no(error: OSError) -> bytes:
    return NO + f"{error.errno or 0} {error}".encode()


def main() -> None:
    """Import, then fork until the front closes its end."""
    own, parent = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    if not child.bind(parent):
        return
    for module in sys.argv[3:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    try:
        tried = sibling.fork()
    except OSError as error:
        own.send(_no(error))
        return
    if tried == 0:
        os._exit(0)
    own.send(READY + str(tried).encode())
    while True:
        target, descriptors, _, _ = socket.recv_fds(own, 4096, 2, socket.MSG_CMSG_CLOEXEC)
        if not target:
            return
        try:
            answer = sibling.fork()
        except OSError as error:
            own.send(_no(error))
        else:
            if answer == 0:
                own.close()
                sys.argv = [child.__file__, *map(str, (*descriptors, parent)), target.decode()]
                break
            own.send(str(answer).encode())
        for descriptor in descriptors:
            os.close(descriptor)
    os.setsid()
    child.main()


if __name__ == "__main__":
    main()
