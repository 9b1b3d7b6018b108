"""Deterministic: clocks, random numbers and identifiers are the same in every run."""

from edgemesh_sandbox import Sandbox

PROGRAM = """
import os, random, time, uuid
import numpy as np

output = [time.time(), random.random(), os.urandom(4).hex(), str(uuid.uuid4()),
          float(np.random.default_rng().random()), hash("text"), sorted({"a", "b"}, key=hash)]
"""

with Sandbox() as sandbox:
    first, second = (sandbox.run(PROGRAM, deterministic=True).result for _ in range(2))
    print(first)
    print("the same again:", first == second)
    print("and otherwise not:", first != sandbox.run(PROGRAM).result)
