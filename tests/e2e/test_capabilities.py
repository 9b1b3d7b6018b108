"""What programs reach beyond their box: what was granted, in their caller's name, and no more."""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from edgemesh.compute.v1 import algorithm_pb2, compute_pb2
from support import metrics, rpc
from support.rpc import Peer, refused
from support.wait import until

from edgemesh_local.mesh import Mesh

pytestmark = pytest.mark.needs("cpp", "pywasm")
Request = compute_pb2.ComputeRequest


def program(code: str, *capabilities: str, **limits: int) -> Request:
    return rpc.request("python.run", {"code": code}, capabilities=capabilities, limits=limits)


async def run(gateway: Peer, code: str, *capabilities: str, **limits: int) -> Any:
    response = await gateway.compute.Compute(program(code, *capabilities, **limits), timeout=30)
    assert rpc.outcome(response) == "OK", response.failure
    assert list(response.capabilities) == [*capabilities]
    return json.loads(response.result)


async def failed(gateway: Peer, code: str, *capabilities: str, **limits: int) -> Sequence[str]:
    """Type and message of what a program raises."""
    response = await gateway.compute.Compute(program(code, *capabilities, **limits), timeout=30)
    assert rpc.outcome(response) == "EXCEPTION", response
    assert list(response.capabilities) == [*capabilities]
    return response.failure.type, response.failure.message


FFT = """
import edgemesh, numpy as np
x = np.arange(8.0)
answer = edgemesh.call("cpp.fft", x=x, norm="ortho")
output = [bool(np.allclose(answer["y"], np.fft.fft(x, norm="ortho"))), answer.algorithm]
"""


@pytest.mark.parametrize("granted", ["call:cpp.fft", "call:cpp.*", "call:*"])
async def test_an_algorithm_is_called(gateway: Peer, granted: str) -> None:
    assert await run(gateway, FFT, granted) == [True, "cpp.fft@1"]


REFUSED = {
    "nothing was granted": ("'cpp.fft'", (), "NOT_GRANTED: this run was granted no calls"),
    "something else was granted": (
        "'cpp.fft'",
        ("call:ml.*", "call:cpp.ff"),
        "NOT_GRANTED: call:cpp.fft was not granted; granted: call:ml.*, call:cpp.ff",
    ),
    "unknown": ("'cpp.ftt'", ("call:*",), "UNKNOWN_ALGORITHM: no executor offers algorithm"),
    "a parameter": ("'cpp.fft', norm=5", ("call:*",), "INVALID_PARAMETER: parameters.norm"),
    "an input": ("'cpp.fft', y=b'x'", ("call:*",), "INVALID_TENSOR: inputs.y: no such input"),
    "one gigabyte": (
        "'cpp.fft', x=__import__('numpy').broadcast_to(0.0, (1 << 27,))",
        ("call:*",),
        "PAYLOAD_TOO_LARGE: the arguments of cpp.fft have 1073741824 bytes; a call takes at most",
    ),
    "more than is had is passed on": (
        "'python.run', code='1'",
        ("call:python.run",),
        "NOT_GRANTED: call:* cannot be passed on",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_called_is_refused(gateway: Peer, case: str) -> None:
    arguments, granted, message = REFUSED[case]
    call = "call.having('call:*')" if "passed on" in case else "call"
    kind, told = await failed(gateway, f"import edgemesh\nedgemesh.{call}({arguments})", *granted)
    assert kind == "edgemesh.CallRefused"
    assert told.startswith(message), told


async def test_the_nearest_names_are_told(gateway: Peer) -> None:
    _, told = await failed(gateway, "import edgemesh\nedgemesh.call('cpp.ftt')", "call:*")
    assert "nearest: cpp.fft" in told


async def test_what_does_not_end_well_is_raised_with_its_outcome(gateway: Peer) -> None:
    code = """
import edgemesh
found = []
for code, ms in (("print(1)\\n1 / 0", 0), ("while True: pass", 300), ("raise SystemExit(3)", 0)):
    try:
        edgemesh.call.having(run_time_ms=ms)("python.run", code=code)
    except edgemesh.CallFailed as e:
        found.append([e.outcome, e.type, e.message.split(" (")[0], e.stdout])
output = found
"""
    failed, late, ended = await run(gateway, code, "call:*", run_time_ms=20_000)
    assert failed == ["EXCEPTION", "ZeroDivisionError", "division by zero", "1\n"]
    assert ended == ["EXIT", "Exit", "the program ended itself with status 3", ""]
    outcome, kind, why, printed = late
    assert (outcome, kind, printed) == ("TIMEOUT", "TimeLimit", "")
    # On a busy machine the executor's clock comes before the sandbox's own.
    assert why in ("ran longer than allowed", "the work passed its run_time_ms of 300")


async def test_values_of_python_cross_whole(gateway: Peer) -> None:
    code = """
import edgemesh, datetime
a = edgemesh.call("python.call", code="def f(*a, **k): return {'a': a, 'k': k}", function="f",
                  args=[{1, 2}, datetime.date(2026, 1, 2)], kwargs={"z": (1, 2)}).result
output = [a["a"] == ({1, 2}, datetime.date(2026, 1, 2)) or repr(a), a["k"] == {"z": (1, 2)}]
"""
    first, second = await run(gateway, code, "call:*")
    assert second is True
    assert first in (True, "{'a': ({1, 2}, datetime.date(2026, 1, 2)), 'k': {'z': (1, 2)}}")


SIDE_BY_SIDE = """
import asyncio, time, edgemesh
async def call(name, **arguments):
    await edgemesh.call.aio(name, **arguments)
    ended.append(name)
def sleep(seconds):
    return call("cpp.test_sleep", seconds=seconds)
async def main():
    await asyncio.gather(sleep(0), sleep(0))  # now there are workers
    await call("cpp.fft", x=x)
    began = time.perf_counter()
    await asyncio.gather(sleep(1.5), sleep(1.5))
    whole = time.perf_counter() - began
    ended.clear()
    await asyncio.gather(sleep(1.5), call("cpp.fft", x=x))
    return [whole, ended]
x, ended = __import__("numpy").ones(4), []
output = asyncio.run(main())
"""


async def test_calls_run_side_by_side_and_each_is_told_when_it_ends(gateway: Peer) -> None:
    whole, ended = await run(gateway, SIDE_BY_SIDE, "call:cpp.*")
    assert whole < 2.9, "two sleeps of 1.5 s one after the other"
    assert ended == ["cpp.fft", "cpp.test_sleep"]


async def test_a_hundred_at_once_all_answer(gateway: Peer) -> None:
    code = """
import asyncio, edgemesh, numpy as np
async def one(n):
    return float((await edgemesh.call.aio("cpp.fft", x=np.full(4, float(n))))["y"][0].real)
async def main():
    found = []
    for at in range(0, 120, 60):
        found += await asyncio.gather(*(one(n) for n in range(at, at + 60)))
    return found
output = asyncio.run(main())
"""
    assert await run(gateway, code, "call:*") == [4.0 * n for n in range(120)]


RECURSION = """
import edgemesh
code = '''
import edgemesh
output = edgemesh.call.having("call:python.*")("python.run", code=inputs["code"], inputs=inputs)
'''
try:
    edgemesh.call.having("call:python.*")("python.run", code=code, inputs={"code": code})
except edgemesh.CallFailed as e:
    output = [e.outcome, e.message.count("CallFailed"), e.message]
"""


async def test_calls_of_itself_end_by_their_depth(gateway: Peer) -> None:
    """Deeper than there are workers: those that wait do not hold up those they wait for."""
    outcome, depth, message = await run(gateway, RECURSION, "call:python.*", run_time_ms=30_000)
    assert outcome == "EXCEPTION"
    assert depth == 6, message  # of the second to the seventh; the eighth was refused the ninth
    assert "CALLS_TOO_DEEP: calls may be nested 8 deep" in message


async def test_many_calls_of_programs_by_programs_do_not_wait_for_each_other(
    gateway: Peer,
) -> None:
    code = """
import asyncio, edgemesh
async def main():
    calls = (edgemesh.call.aio("python.run", code=f"{n} ** 2") for n in range(8))
    return [a.result for a in await asyncio.gather(*calls)]
output = asyncio.run(main())
"""
    found = await asyncio.gather(*(run(gateway, code, "call:python.run") for _ in range(4)))
    assert found == [[n**2 for n in range(8)]] * 4


async def test_more_calls_than_the_limit(gateway: Peer) -> None:
    code = f"for n in range(5):\n    print(n)\n    {'; '.join(FFT.strip().splitlines()[:3])}"
    response = await gateway.compute.Compute(program(code, "call:*", calls=3), timeout=30)
    assert rpc.outcome(response) == "CALL_LIMIT"
    assert (response.failure.limit.name, response.failure.limit.value) == ("calls", 3)
    assert response.stdout == "0\n1\n2\n3\n"


async def test_a_call_ends_with_the_programs_own_time(gateway: Peer) -> None:
    """The outer run ends by its own limit, whatever the inner one was to take."""
    code = "import edgemesh\nedgemesh.call('cpp.test_sleep', seconds=60)"
    response = await gateway.compute.Compute(program(code, "call:*", run_time_ms=700), timeout=30)
    assert rpc.outcome(response) in ("TIMEOUT", "EXCEPTION")
    if rpc.outcome(response) == "EXCEPTION":
        assert "TIMEOUT" in response.failure.message or "DEADLINE" in response.failure.message


@pytest.mark.parametrize("way", ["the caller leaves", "the task is cancelled"])
async def test_what_nobody_waits_for_is_cancelled(whole: Mesh, gateway: Peer, way: str) -> None:
    async def busy(count: int) -> bool:
        return await metrics.busy(whole.metrics("cpp")) == count

    sleep = "edgemesh.call.aio('cpp.test_sleep', seconds=60)"
    inner = sleep if way == "the caller leaves" else f"asyncio.wait_for({sleep}, 0.5)"
    code = f"""
import asyncio, edgemesh
async def main():
    try:
        await {inner}
    except TimeoutError:
        await asyncio.sleep(30)
asyncio.run(main())
"""
    call = asyncio.ensure_future(
        gateway.compute.Compute(program(code, "call:*", run_time_ms=40_000), timeout=60)
    )
    await until(lambda: busy(1), "the inner call runs")
    if way == "the caller leaves":
        call.cancel()
    await until(lambda: busy(0), "the inner call has been cancelled", within=10)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)


async def test_python_map_may_call_too(gateway: Peer) -> None:
    code = """
import edgemesh, numpy as np
def f(n): return float(edgemesh.call("cpp.fft", x=np.full(4, n))["y"][0].real)
"""
    parameters = {"code": code, "function": "f", "items": [1.0, 2.0, 3.0]}
    request = rpc.request("python.map", parameters, capabilities=["call:cpp.fft"])
    response = await gateway.compute.Compute(request, timeout=30)
    assert rpc.outcome(response) == "OK", response.failure
    assert [one.get("result") for one in json.loads(response.result)] == [4.0, 8.0, 12.0]
    assert list(response.capabilities) == ["call:cpp.fft"]


@pytest.mark.parametrize("asked", ["net", "call:", "files:secret", "http:example.org", "*"])
async def test_what_the_operator_does_not_allow_is_refused(gateway: Peer, asked: str) -> None:
    found = await refused(gateway.compute.Compute(program("1", "call:*", asked), timeout=10))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert found.fields == {"capabilities": f"one of call:*, candle; not {asked!r}"}


async def test_the_listing_says_what_can_be_asked_for(gateway: Peer) -> None:
    request = algorithm_pb2.GetAlgorithmRequest(name="python.run")
    found = await gateway.algorithms.GetAlgorithm(request)
    assert list(found.algorithm.algorithm.capabilities) == ["call:*", "candle"]


async def test_a_ticket_that_nobody_issued_opens_nothing(gateway: Peer) -> None:
    for ticket in ("x", secrets.token_urlsafe(18), "local"):
        call = gateway.compute.Compute(
            program("1"), timeout=10, metadata=(("edgemesh-ticket", ticket),)
        )
        found = await refused(call)
        assert found.reason == "UNAUTHENTICATED"


@pytest.fixture
async def tenants(tmp_path: Path) -> AsyncIterator[tuple[Mesh, list[str]]]:
    """A mesh of two tenants; and what its gateway logs."""
    lines: list[str] = []
    keys = "".join(
        f'[[keys]]\ntenant = "{name}"\nsha256 = "{hashlib.sha256(name.encode()).hexdigest()}"\n'
        for name in ("physics", "biology")
    )
    (tmp_path / "keys.toml").write_text(keys)
    settings = {
        "gateway": {"API_KEYS": str(tmp_path / "keys.toml")},
        "cpp": {"WORKERS": "1"},
        "pywasm": {"WORKERS": "1", "CAPABILITIES": '["call:cpp.fft"]'},
    }

    def keep(name: str, line: str) -> None:
        if name == "gateway":
            lines.append(line)

    async with Mesh(("cpp", "pywasm"), settings=settings, show=keep) as mesh:
        yield mesh, lines


async def test_a_program_calls_as_its_caller_and_as_nobody_else(
    tenants: tuple[Mesh, list[str]],
) -> None:
    mesh, lines = tenants
    async with rpc.connect(mesh.address("gateway")) as gateway:
        for tenant in ("physics", "biology"):
            identity = (("authorization", f"Bearer {tenant}"),)
            request = program(FFT, "call:cpp.fft")
            request.request_id = f"of-{tenant}"
            response = await gateway.compute.Compute(request, timeout=30, metadata=identity)
            assert rpc.outcome(response) == "OK", response.failure

        async def told() -> bool:
            said = [json.loads(line) for line in lines if '"event":"rpc"' in line]
            inner = {s["request_id"]: s["tenant"] for s in said if s["request_id"][-2:] == ".1"}
            return inner == {"of-physics.1": "physics", "of-biology.1": "biology"}

        await until(told, "the gateway logs whose the calls of programs were")
        # The executor's own word for a tenant is worth nothing, here as anywhere.
        forged = (("edgemesh-tenant", "physics"), ("edgemesh-scopes", "admin"))
        assert (await refused(gateway.compute.Compute(program("1"), metadata=forged))).reason == (
            "UNAUTHENTICATED"
        )
    # Past the gateway nobody's ticket comes along, so the program is nobody.
    async with rpc.connect(mesh.address("pywasm")) as executor:
        response = await executor.executor.Execute(program(FFT, "call:cpp.fft"), timeout=30)
        assert rpc.outcome(response) == "EXCEPTION"
        assert "UNAUTHENTICATED" in response.failure.message
        found = await refused(executor.executor.Execute(program("1", "call:*"), timeout=30))
        assert found.fields == {"capabilities": "one of call:cpp.fft; not 'call:*'"}


async def test_files_of_the_operators_are_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "tables" / "deep").mkdir(parents=True)
    (tmp_path / "tables" / "deep" / "a.csv").write_text("x,y\n1,2\n3,4\n")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "tables" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "b.txt").write_text("b")
    folders = {name: str(tmp_path / name) for name in ("tables", "others")}
    settings = {"pywasm": {"WORKERS": "1", "SPARES": "0", "FILES": json.dumps(folders)}}
    code = """
import os, pandas as pd
found = [sorted(os.listdir("/inputs/files"))] if os.path.exists("/inputs/files") else [None]
for path in ("/inputs/files/tables/deep/a.csv", "/inputs/files/others/b.txt"):
    try:
        found.append(open(path).read())
    except OSError as e:
        found.append(type(e).__name__)
try:
    open("/inputs/files/tables/deep/a.csv", "w")
except OSError as e:
    found.append(type(e).__name__)
output = found
"""
    async with (
        Mesh(("pywasm",), settings=settings) as mesh,
        rpc.connect(mesh.address("gateway")) as gateway,
    ):
        assert await run(gateway, code, "files:tables") == [
            ["tables"],
            "x,y\n1,2\n3,4\n",
            "FileNotFoundError",
            "OSError",
        ]
        found = await run(gateway, code, "files:tables", "files:others")
        assert found[0] == ["others", "tables"]
        assert found[2] == "b"
        assert (await run(gateway, code))[0] is None
        call = gateway.compute.Compute(program("1", "files:secret"), timeout=10)
        assert "files:others, files:tables; not 'files:secret'" in str((await refused(call)).fields)
