"""Cancel: a program is stopped from another thread, and what it printed is kept."""

import threading

from edgemesh_sandbox import Sandbox

PROGRAM = """
import itertools, time

for n in itertools.count():
    print("tick", n)
    time.sleep(0.05)
"""

wish = threading.Event()
threading.Timer(0.3, wish.set).start()

with Sandbox() as sandbox:
    result = sandbox.run(PROGRAM, cancelled=wish)
    print(result.outcome.name, f"after {result.run_s:.1f} s:", result.stdout.split("\n")[-2])
