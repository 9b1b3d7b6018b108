"""Nothing of one python.run is there in the next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import rpc
from support.rpc import Peer

pytestmark = pytest.mark.needs("pywasm")
AGAIN = 6
"""More often than there are workers, so that each worker is met twice."""


async def run(gateway: Peer, code: str) -> Any:
    response = await gateway.compute.Compute(rpc.request("python.run", {"code": code}), timeout=30)
    assert rpc.outcome(response) == "OK", response.failure
    return json.loads(response.result)


async def test_state(gateway: Peer) -> None:
    code = """
import builtins, sys, json
seen = [hasattr(builtins, "left"), "left" in sys.modules, hasattr(json, "left"), "x" in globals()]
builtins.left = json.left = x = 1
sys.modules["left"] = json
output = seen
"""
    for _ in range(AGAIN):
        assert await run(gateway, code) == [False, False, False, False]


async def test_files(gateway: Peer) -> None:
    code = """
import os
try:
    before = sorted(os.listdir("/tmp"))
except OSError:
    before = []
try:
    with open("/tmp/left", "w") as file:
        file.write("behind")
except OSError:
    pass
output = "left" in before
"""
    for _ in range(AGAIN):
        assert await run(gateway, code) is False


async def test_random_numbers(gateway: Peer) -> None:
    code = """
import os, random, secrets, uuid
import numpy as np
output = [random.random(), float(np.random.rand()), float(np.random.default_rng().random()),
          os.urandom(8).hex(), secrets.token_hex(8), str(uuid.uuid4())]
"""
    drawn = [await run(gateway, code) for _ in range(AGAIN)]
    for column in zip(*drawn, strict=True):
        assert len(set(column)) == AGAIN, column


async def test_the_host_cannot_be_seen(gateway: Peer) -> None:
    code = """
import os
found = {}
for path in ("/etc/passwd", "/proc/self/environ", "../../etc/hostname", "/root"):
    try:
        open(path).close()
        found[path] = "opened"
    except OSError as error:
        found[path] = type(error).__name__
output = [found, [name for name in os.environ if "EDGEMESH" in name or name == "PATH"]]
"""
    found, environment = await run(gateway, code)
    assert "opened" not in found.values(), found
    assert environment == []
