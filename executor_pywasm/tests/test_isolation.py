# ruff: noqa: E501 - a program a line
"""Nothing of one program is in the next: no state, no file, no random number, no memory."""

from __future__ import annotations

import json
import subprocess
import sys

from edgemesh_sandbox import Limits, Sandbox
from edgemesh_sandbox.built import default_images_dir

RANDOM = """
import os, random, secrets, tempfile, uuid
import numpy as np
output = [
    random.random(), random.randbytes(4).hex(), np.random.rand(), int(np.random.randint(1 << 30)),
    float(np.random.standard_normal()), np.random.default_rng().random(), os.urandom(4).hex(),
    secrets.token_hex(4), str(uuid.uuid4()),
]
"""


def test_random_numbers_are_fresh_in_every_call(sandbox: Sandbox) -> None:
    with Sandbox(default_images_dir(), spare=False) as unwarmed:
        runs = [box.run(RANDOM).result for box in (sandbox, unwarmed) for _ in range(4)]
    for column in zip(*runs, strict=True):
        assert len(set(column)) == len(runs)


def test_seeded_random_numbers_are_the_references(sandbox: Sandbox) -> None:
    code = "import random, numpy as np\nrandom.seed(1)\nnp.random.seed(1)\noutput = [random.random(), np.random.rand()]"
    assert sandbox.run(code).result == [0.13436424411240122, 0.417022004702574]


def test_state_does_not_survive(sandbox: Sandbox) -> None:
    leave = """
import builtins, json, os, sys, math, numpy as np, random
builtins.left = math.left = np.left = json.left = sys.left = 1
sys.modules['left'] = json
os.environ['LEFT'] = '1'
sys.path.append('/left')
json.dumps = None
random.seed(1)
np.set_printoptions(precision=1)
"""
    look = """
import builtins, json, os, sys, math, numpy as np
output = [
    any(hasattr(m, 'left') for m in (builtins, math, np, json, sys)), 'left' in sys.modules,
    'LEFT' in os.environ, '/left' in sys.path, json.dumps is None,
    np.get_printoptions()['precision'],
]
"""
    for _ in range(2):
        assert sandbox.run(leave).ok
        assert sandbox.run(look).result == [False, False, False, False, False, 8]


def test_memory_holds_nothing_of_another_program(sandbox: Sandbox) -> None:
    secret = "correct-horse-" + "battery-staple"
    keep = "import builtins\nbuiltins.kept = [inputs['s'] + str(n) for n in range(1000)]"
    assert sandbox.run(keep, {"s": secret}).ok
    # Reads all of the linear memory, as a program that had broken out of Python could.
    search = """
import numpy as np
class Memory:
    __array_interface__ = {'data': (1, False), 'shape': (inputs['n'],), 'typestr': '|u1', 'version': 3}
needle = bytes(reversed(inputs['elddeen'].encode()))
output = np.asarray(Memory()).tobytes().count(needle)
"""
    inputs = {"n": 300 << 20, "elddeen": secret[::-1]}
    result = sandbox.run(search, inputs, limits=Limits(memory_bytes=1 << 30))
    assert result.result == 1, result.failure  # the needle itself


def test_the_environment_tells_nothing_of_the_host(sandbox: Sandbox) -> None:
    code = "import os, sys, platform\noutput = [dict(os.environ), sys.argv, os.getcwd(), platform.node()]"
    environment, argv, folder, node = sandbox.run(code).result
    assert set(environment) == {"HOME", "LANG", "TMPDIR"}
    assert (argv, folder) == (["main.py"], "/tmp")
    assert node in ("", "(none)", "localhost")


LEVEL = """
import json
from edgemesh_sandbox import Sandbox
from edgemesh_sandbox.built import default_images_dir

def kib(file, name):
    with open(f"/proc/self/{file}") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith(name))

with Sandbox(default_images_dir()) as sandbox:
    levels = []
    for _ in range(4):
        for _ in range(40):
            assert sandbox.run("x = bytearray(3 << 20)\\nx[::4096] = b'x' * 768").ok
        levels.append(kib("smaps_rollup", "Private_Dirty"))
print(json.dumps([levels, kib("status", "VmHWM")]))
"""


def test_memory_of_the_host_stays_level() -> None:
    # In a process of its own: nothing else takes memory in it.
    done = subprocess.run([sys.executable, "-c", LEVEL], check=True, capture_output=True)
    levels, peak = json.loads(done.stdout)
    assert max(levels[1:]) - levels[0] < 20_000, levels
    assert peak < 256 << 10
