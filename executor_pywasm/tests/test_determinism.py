# ruff: noqa: E501 - a program a line
"""A deterministic run gives the same bytes whenever and wherever it runs; others are fresh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from edgemesh_sandbox import Sandbox
from edgemesh_sandbox.built import Built
from edgemesh_sandbox.image import DIGEST

CODE = """
import asyncio, datetime, os, random, secrets, tempfile, time, uuid
import numpy as np, pandas as pd
a = np.random.default_rng().random((40, 40))
began = time.monotonic()
time.sleep(2000)
asyncio.run(asyncio.sleep(50))
print(time.time(), time.monotonic() - began, time.process_time(), datetime.datetime.now())
print(random.random(), np.random.rand(), secrets.token_hex(), uuid.uuid4(), os.urandom(9))
print(hash("text"), list({"b", "a", "c"}), id(object()), object())
print(np.linalg.svd(a)[1].sum().hex(), np.exp(a).tobytes()[:40], (a @ a).tobytes()[-40:])
with tempfile.NamedTemporaryFile() as f:
    print(f.name, os.stat(f.name).st_mtime_ns)
print(pd.DataFrame(a).describe())
print(np.array([np.nan, -np.inf / np.inf, 0.0 * np.inf]).tobytes())
"""
_ELSEWHERE = """
import sys
from edgemesh_sandbox import Sandbox
from pathlib import Path
with Sandbox(Path(sys.argv[1])) as sandbox:
    sandbox.run("x = list(range(10**5))")
    print(sandbox.run(sys.stdin.read(), deterministic=True).stdout, end="")
"""


def test_the_same_bytes_in_every_run_and_process(sandbox: Sandbox, images: Path) -> None:
    first = sandbox.run(CODE, deterministic=True)
    assert first.ok, first.failure
    sandbox.run("import random; random.random(); x = [object() for _ in range(10**6)]")
    assert sandbox.run(CODE, deterministic=True).stdout == first.stdout
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    other = subprocess.run(
        [sys.executable, "-c", _ELSEWHERE, str(images)],
        input=CODE, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert other.stdout == first.stdout


def test_sleeping_costs_nothing_but_counts(sandbox: Sandbox) -> None:
    code = "import time\nbegan = time.time()\ntime.sleep(3600)\noutput = time.time() - began"
    result = sandbox.run(code, deterministic=True)
    assert 3600 <= result.result < 3600.001
    assert result.run_s < 5


def test_other_runs_are_fresh(sandbox: Sandbox) -> None:
    code = "import os, random, numpy as np\noutput = [random.random(), np.random.rand(), os.urandom(8).hex()]"
    first, second = sandbox.run(code).result, sandbox.run(code).result
    assert all(a != b for a, b in zip(first, second, strict=True))
    fixed = sandbox.run(code, deterministic=True).result
    assert sandbox.run(code, deterministic=True).result == fixed


_BUILD = """
import json, sys
from pathlib import Path
from edgemesh_sandbox.cache import find
from edgemesh_sandbox.distribution import distribution
from edgemesh_sandbox.engine import new_engine
from edgemesh_sandbox.image import make_image
images, code, target = map(Path, sys.argv[1:])
print(json.dumps(dict(make_image(target, new_engine(), find(code), distribution(images)).facts)))
"""


def test_an_image_is_the_same_wherever_it_is_made(
    built: Built, images: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "America/Lima", "LANG": "C"}
    made = subprocess.run(
        [sys.executable, "-c", _BUILD, str(images), str(built.code.folder), str(tmp_path / "image")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)[DIGEST] == built.image.facts[DIGEST]
