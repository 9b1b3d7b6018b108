"""A handler that raises stops the run and is raised after it; the process and the sandbox live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from edgemesh_sandbox import Limits, Sandbox
from edgemesh_sandbox.built import Built

LONG = Limits(run_time_ms=300_000)  # more than a test may last

STORM = """
import signal, sys
from pathlib import Path
from edgemesh_sandbox import Limits, Sandbox

class Alarm(Exception): pass
def alarm(*_): raise Alarm
signal.signal(signal.SIGALRM, alarm)
raised = 0
with Sandbox(Path(sys.argv[1]), spare=False) as sandbox:
    for n in range(300):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0005 + n % 10 * 0.002)
            sandbox.run(
                "import time\\nfor n in range(10 ** 9): n % 1000 or time.time()",
                limits=Limits(run_time_ms=1000),
            )
        except Alarm:
            raised += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert sandbox.run("output = 6 * 7").result == 42
assert signal.getsignal(signal.SIGALRM) is alarm
print("raised", raised)
"""


def test_many_alarms_in_many_runs(built: Built) -> None:
    command = [sys.executable, "-c", STORM, str(built.image.folder.parent)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    # One that comes while Python frees an object is lost, as always in Python.
    assert int(done.stdout.removeprefix("raised ")) > 250


@pytest.mark.parametrize("code", ["while True: pass", "import time; time.sleep(1000)"])
def test_an_interrupt_ends_a_run(sandbox: Sandbox, code: str) -> None:
    begun = threading.Event()

    def interrupt() -> None:
        begun.wait(20)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        sandbox.run(f"print('here')\n{code}", on_output=lambda *_: begun.set(), limits=LONG)
    thread.join()
    assert sandbox.run("output = 1").result == 1
