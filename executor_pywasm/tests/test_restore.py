# ruff: noqa: E501 - a program a line
"""An instance that is used again is the image again, byte for byte, or it is not used again."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from edgemesh_sandbox import Limits, Outcome, Sandbox, pages
from edgemesh_sandbox.built import Built
from edgemesh_sandbox.frame import Frame
from edgemesh_sandbox.instance import Instance
from edgemesh_sandbox.interpreter import Interpreter
from edgemesh_sandbox.limits import MIB
from edgemesh_sandbox.stack import on_deep_stack
from edgemesh_sandbox.verdict import judge

pytestmark = pytest.mark.skipif(not pages.supported(), reason="the kernel tells no private pages")

LIMITS = Limits(run_time_ms=20_000, memory_bytes=128 * MIB)
RANDOM_BYTES = 624 * 4

GOOD = {
    "empty": "",
    "print": "print(2 + 2)",
    "numpy": "import numpy as np\noutput = np.linalg.svd(np.eye(20))[1]",
    "pandas": "import pandas as pd\noutput = pd.DataFrame({'k': list('abab'), 'v': [1, 2, 3, 4]}).groupby('k').v.sum().to_dict()",
    "raises": "def f(n):\n    return 1 / n\nf(0)",
    "syntax": "for",
    "exits": "import sys; sys.exit(3)",
    "state": "import builtins, json, sys, gc\nbuiltins.left = [object() for _ in range(5000)]\njson.dumps = None\nsys.modules.clear()\ngc.collect()",
    "recursion": "def f(n): return f(n + 1)\nf(0)",
    "random": "import random, numpy as np\noutput = [random.random(), np.random.rand()]",
    "regex": "import re\noutput = re.findall(r'(\\w+)@', 'a@b c@d' * 100)",
    "asyncio": "import asyncio\nasync def f():\n    await asyncio.sleep(0)\nasyncio.run(f())",
    "patched": "import numpy as np\nclass M: __array_interface__ = {'data': (1 << 24, False), 'shape': (4096,), 'typestr': '|u1', 'version': 3}\nx = np.asarray(M())\nx ^= 0",
}


@pytest.fixture(scope="module")
def interpreter(built: Built) -> Iterator[Interpreter]:
    assert built
    interpreter = Interpreter(built.image.folder.parent)
    yield interpreter
    interpreter.close()


def differences(interpreter: Interpreter, instance: Instance) -> int:
    """Bytes in which an instance's memory differs from the image, its random states apart."""
    mine = bytearray(instance.memory.view(0, interpreter.image_bytes))
    image = bytearray(interpreter.image)
    for words, position in interpreter.random_states:
        for memory in (mine, image):
            memory[words : words + RANDOM_BYTES] = bytes(RANDOM_BYTES)
            memory[position : position + 4] = bytes(4)
    return 0 if mine == image else sum(a != b for a, b in zip(mine, image, strict=True))


def run(instance: Instance, code: str, limits: Limits = LIMITS) -> Outcome:
    deadline = time.monotonic() + limits.run_time_ms / 1e3
    return on_deep_stack(
        lambda: judge(instance, Frame(code, {}, ""), limits, deadline, None, None, None).outcome
    )


def test_restored_memory_is_the_image(interpreter: Interpreter) -> None:
    instance = Instance(interpreter)
    for _ in range(2):
        for name, code in GOOD.items():
            run(instance, code)
            assert instance.restore(), name
            assert differences(interpreter, instance) == 0, name
    instance.close()


def test_what_was_filled_in_is_looked_at_even_if_nothing_faults(
    interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Instance(interpreter)
    run(first, "print(2 + 2)")
    assert first.restore()
    assert interpreter.base.hot
    monkeypatch.setattr(pages, "faults", lambda: 0)
    second = Instance(interpreter)
    run(second, "import builtins; builtins.left = [1] * 100")
    assert second.restore()
    assert differences(interpreter, second) == 0
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("code", "limits"),
    [
        ("import os; os._exit(0)", LIMITS),
        ("import os; os.abort()", LIMITS),
        ("while True: pass", Limits(run_time_ms=50)),
        ("import time; time.sleep(9)", Limits(run_time_ms=50)),
        ("import numpy as np; x = np.ones(40 << 20, 'u1')", LIMITS),
        ("x = 'a'\nwhile True: x += x", Limits(memory_bytes=32 * MIB)),
    ],
    ids=["exit", "abort", "loop", "sleep", "growth", "memory"],
)
def test_what_ended_badly_or_grew_is_not_used_again(
    interpreter: Interpreter, code: str, limits: Limits
) -> None:
    instance = Instance(interpreter)
    run(instance, code, limits)
    assert not instance.restore()
    instance.close()


def test_instances_are_kept_between_good_programs_only(built: Built) -> None:
    with Sandbox(built.image.folder.parent, spare=False) as sandbox:
        for code in ("x = 1", "import os; os._exit(1)", "print(1)", "1 / 0", ""):
            sandbox.run(code)
            sandbox.prepare()
        assert sandbox.run("output = 'x' in globals()").result is False
