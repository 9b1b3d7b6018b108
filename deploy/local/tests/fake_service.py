"""A service in the manager's eyes and nothing else: it binds its port, says so, and waits.

Variables, each under the prefix given as the first argument: PORT, METRICS_PORT; JOURNAL, a file
that gets a line per event; IGNORE_TERM; FAIL, which ends it with code 7 before it serves. A
connection that sends a line has it done: `die` ends it, `worker` answers with a child's pid.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time

prefix = sys.argv[1]


def setting(name: str) -> str:
    return os.environ.get(prefix + name, "")


def note(event: str) -> None:
    if setting("JOURNAL"):
        with open(setting("JOURNAL"), "a") as journal:
            journal.write(f"{prefix} {event} {time.monotonic()}\n")


def stop(_number: int, _frame: object) -> None:
    note("stopped")
    if not setting("IGNORE_TERM"):
        sys.exit(0)


if setting("FAIL"):
    print("the setting is wrong", file=sys.stderr)
    sys.exit(7)
signal.signal(signal.SIGTERM, stop)
server = socket.create_server(("127.0.0.1", int(setting("PORT") or 0)))
metrics = socket.create_server(("127.0.0.1", int(setting("METRICS_PORT") or 0)))
note("started " + setting("EXECUTORS"))
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("a line of its own", flush=True)
print(
    json.dumps(
        {
            "event": "serving",
            "service": prefix,
            "address": f"127.0.0.1:{server.getsockname()[1]}",
            "metrics": f"127.0.0.1:{metrics.getsockname()[1]}",
            "pid": os.getpid(),
        }
    ),
    flush=True,
)
while True:
    connection, _ = server.accept()
    with connection:
        asked = connection.makefile().readline().strip()
        if asked == "die":
            os._exit(3)
        if asked == "worker":
            connection.sendall(b"%d\n" % worker.pid)
