"""Functions of the embedder's are called from programs, and stay within the run's bounds."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgemesh_sandbox import AsyncSandbox, Limits, Outcome, Result, Sandbox, Tools
from edgemesh_sandbox.built import Built


class Refused(Exception):
    """An exception of the embedder's own."""


def refuse() -> None:
    error = Refused("no")
    error.add_note("a note")
    raise error


def look_up(key: str) -> str:
    return {"a": "b"}[key]


async def slowly(value: Any) -> Any:
    await asyncio.sleep(0.05)
    return value


TOOLS: dict[str, Callable[..., Any]] = {
    "echo": lambda *args, **kwargs: (args, kwargs),
    "double": lambda a: a * 2,
    "look_up": look_up,
    "refuse": refuse,
    "leave": lambda: exec("raise SystemExit(3)"),
    "broken": object,
    "slowly": slowly,
}


def run(sandbox: Sandbox, code: str, **options: Any) -> Result:
    return sandbox.run(
        f"import asyncio\nfrom edgemesh import tools, ToolError\n{code}", tools=TOOLS, **options
    )


def test_values_cross_both_ways(sandbox: Sandbox) -> None:
    code = "import datetime\ntools.echo(1, {2}, a=datetime.date(2026, 1, 2), b=b'x' * 5000)"
    result = run(sandbox, code)
    assert result.value[0] == (1, {2})
    assert str(result.value[1]["a"]) == "2026-01-02"
    assert result.value[1]["b"] == b"x" * 5000


def test_arrays_cross_both_ways(sandbox: Sandbox) -> None:
    code = "import numpy as np\ntools.double(np.arange(6.0).reshape(2, 3)), tools.double('ab')"
    array, text = run(sandbox, code).value
    np.testing.assert_array_equal(array, np.arange(0.0, 12, 2).reshape(2, 3))
    assert text == "abab"


@pytest.mark.parametrize(
    ("code", "type", "message"),
    [
        ("tools.look_up('c')", "KeyError", "'c'"),
        ("tools.double()", "TypeError", "<lambda>() missing 1 required positional argument: 'a'"),
        ("tools.refuse()", "edgemesh.ToolError", "Refused: no"),
        ("tools.leave()", "edgemesh.ToolError", "SystemExit: 3"),
        ("tools.broken()", "TypeError", "what the tool returned is of type object"),
        ("tools.double(object())", "TypeError", "double['args'][0] is of type object"),
        ("tools.nothing", "AttributeError", "the sandbox was given no tool 'nothing'"),
        ("tools.double(b'x' * (33 << 20))", "ValueError", "the tool's reply has more than"),
        ("tools.double(b'x' * (70 << 20))", "ValueError", "the arguments of double have more"),
    ],
)
def test_what_goes_wrong_is_raised_in_the_program(
    sandbox: Sandbox, code: str, type: str, message: str
) -> None:
    failure = run(sandbox, code).failure
    assert failure is not None
    assert failure.type == type
    assert failure.message.startswith(message)
    assert __file__ not in failure.traceback
    assert "edgemesh_sandbox" not in failure.traceback


def test_an_error_can_be_caught_with_its_notes(sandbox: Sandbox) -> None:
    code = """
try:
    tools.refuse()
except ToolError as e:
    output = [e.type, e.message, e.__notes__]
"""
    assert run(sandbox, code).value == ["Refused", "no", ["a note"]]


def test_calls_run_side_by_side(sandbox: Sandbox) -> None:
    """They wait for each other, so that one after another they would never end."""
    together = threading.Barrier(5)

    def meet(n: int) -> int:
        together.wait(10)
        return n

    code = """
import asyncio
from edgemesh import tools
async def main():
    calls = (tools.meet.aio(n) for n in range(5))
    return await asyncio.gather(*calls, asyncio.sleep(0.01, 's'))
asyncio.run(main())
"""
    assert sandbox.run(code, tools={"meet": meet}).value == [0, 1, 2, 3, 4, "s"]


def test_a_task_that_is_cancelled_leaves_the_others_alone(sandbox: Sandbox) -> None:
    stopped = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            stopped.set()

    code = """
import asyncio
from edgemesh import tools
async def main():
    other = asyncio.create_task(tools.slowly.aio('x'))
    try:
        async with asyncio.timeout(0.01):
            await tools.forever.aio()
    except TimeoutError:
        return await other, tools.slowly('y')
asyncio.run(main())
"""
    assert sandbox.run(code, tools={"forever": forever, "slowly": slowly}).value == ("x", "y")
    assert stopped.wait(10)


def test_the_deadline_and_the_callers_wish_hold_while_a_tool_runs(sandbox: Sandbox) -> None:
    release = threading.Event()
    code = "from edgemesh import tools\nprint('before')\ntools.wait()"
    tools = {"wait": release.wait}
    result = sandbox.run(code, tools=tools, limits=Limits(run_time_ms=200))
    assert (result.outcome, result.stdout) == (Outcome.TIMEOUT, "before\n")
    left = threading.Event()
    threading.Timer(0.1, left.set).start()
    assert sandbox.run(code, tools=tools, cancelled=left).outcome is Outcome.CANCELLED
    release.set()


def test_calls_are_counted(sandbox: Sandbox) -> None:
    result = run(sandbox, "for n in range(9): tools.double(n); print(n)", limits=Limits(calls=3))
    assert (result.outcome, result.stdout) == (Outcome.CALL_LIMIT, "0\n1\n2\n")
    assert result.failure is not None
    assert result.failure.limit == ("calls", 3)


def test_too_many_at_once_are_refused(sandbox: Sandbox) -> None:
    code = """
async def main():
    calls = [tools.slowly.aio(n) for n in range(70)]
    return [type(r).__name__ for r in await asyncio.gather(*calls, return_exceptions=True)]
asyncio.run(main())
"""
    assert run(sandbox, code).value == ["int"] * 64 + ["RuntimeError"] * 6


def test_nonsense_at_the_door_harms_nobody(sandbox: Sandbox) -> None:
    code = """
import _host, struct
def ask(frame):
    try:
        _host.call(frame)
    except OSError:
        pass
H = struct.Struct('<II')
for rest in (b'', b'{}', b'[]', b'{"tool": [], "tensors": 3}', b'\\xff', b'[' * 99999,
             b'{"tool":"double","value":{"args":[1],"kwargs":{}},"tensors":'
             b'[{"name":"x","dtype":"int8","shape":[9],"address":-1,"nbytes":9,"media_type":""}]}'):
    for kind in range(6):
        ask(b'x')
        ask(H.pack(kind, 7) + rest)
        ask(H.pack(kind, 0) + struct.pack('<dI', 0, 1 << 31))
ask(H.pack(2, 5) + struct.pack('<dI', float('nan'), 64))
output = tools.double(4)
"""
    assert run(sandbox, code).value == 8
    assert run(sandbox, "tools.double(1)").value == 2


@pytest.mark.parametrize("name", ["", "1", "a.b", "_private"])
def test_a_name_that_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        Tools({name: print})


async def test_async_tools_run_on_the_embedders_loop(built: Built, images: Path) -> None:
    loops: list[object] = []

    async def here(n: int) -> int:
        loops.append(asyncio.get_running_loop())
        return n + 1

    async with AsyncSandbox(images) as sandbox:
        code = "from edgemesh import tools\ntools.here(1)"
        assert (await sandbox.run(code, tools={"here": here})).value == 2
    assert loops == [asyncio.get_running_loop()]
