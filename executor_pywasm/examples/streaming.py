"""Output as it is printed, long before the program ends."""

import time

from edgemesh_sandbox import Sandbox

PROGRAM = """
import sys, time

for step in range(4):
    print(f"step {step}")
    time.sleep(0.1)
print("a warning", file=sys.stderr)
"""

began = time.monotonic()


def show(stream: str, text: str) -> None:
    for line in text.splitlines():
        print(f"{time.monotonic() - began:4.1f} s  {stream}: {line}")


with Sandbox() as sandbox:
    sandbox.run(PROGRAM, on_output=show)
