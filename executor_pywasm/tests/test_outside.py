"""`edgemesh.call` of a program, with something in this process that answers it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from edgemesh_sandbox import Limits, Outcome, Result, Sandbox, Tensor
from edgemesh_sandbox.outside import Ended, packed

Reply = Callable[[Mapping[str, Any], Mapping[str, Tensor]], bytes]


def answer(result: Any = None, tensors: Mapping[str, Tensor] | None = None, **fields: str) -> bytes:
    told = {"algorithm": "a.b@1", "outcome": "OK", "stdout": "", "stderr": ""} | fields
    return packed({"answer": told | {"result": json.dumps(result)}}, tensors or {})


class Echo:
    """Answers what was asked, the newest call first, when all that were asked are there."""

    def __init__(self, reply: Reply | None = None, at_once: int = 1) -> None:
        self._reply, self._at_once = reply, at_once
        self._open: dict[int, bytes] = {}
        self.asked: list[Mapping[str, Any]] = []
        self.forgotten: list[int] = []
        self.listened = 0

    def start(self, number: int, asked: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        self.asked.append(asked)
        result = [asked["algorithm"], json.loads(asked["parameters"])]
        reply = self._reply(asked, tensors) if self._reply else answer(result, tensors)
        self._open[number] = reply

    def request(self, number: int, asked: Any, tensors: Any) -> None:
        raise ValueError("there is no web here")

    def forget(self, number: int) -> None:
        self.forgotten.append(number)
        self._open.pop(number, None)

    def listen(self, seconds: float) -> None:
        self.listened += 1
        time.sleep(max(seconds, 0) if len(self._open) < self._at_once else 0)

    def ended(self) -> list[Ended]:
        if len(self._open) < self._at_once:
            return []
        ended = [Ended(number, reply) for number, reply in reversed(self._open.items())]
        self._open.clear()
        return ended


def run(sandbox: Sandbox, code: str, outside: Any, **limits: int) -> Result:
    text = f"import asyncio, edgemesh, numpy as np\n{code}"
    return sandbox.run(text, limits=Limits(**limits), outside=outside)


def test_arrays_and_bytes_are_inputs_and_all_else_parameters(sandbox: Sandbox) -> None:
    code = """
a = edgemesh.call("cpp.f", x=np.arange(6.0).reshape(2, 3).T, raw=b"abc", n=np.int64(3), t=(1, 2.5),
                  d={"k": [None, True]})
output = [a.result, sorted(a.outputs), a["x"].shape, a["x"].tolist(), a["raw"], a.algorithm]
"""
    result = run(sandbox, code, Echo())
    assert result.value == [
        ["cpp.f", {"n": 3, "t": [1, 2.5], "d": {"k": [None, True]}}],
        ["raw", "x"],
        (3, 2),
        [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]],
        b"abc",
        "a.b@1",
    ]


def test_programs_get_and_give_whole_values(sandbox: Sandbox) -> None:
    echo = Echo()
    code = "edgemesh.call('python.f', s={1}, n=[np.arange(3)]).result"
    assert run(sandbox, code, echo).failure is None
    parameters = json.loads(echo.asked[0]["parameters"])
    assert parameters["s"] == {"$type": "set", "items": [1]}
    assert parameters["n"][0]["$type"] == "ndarray"
    reply = answer({"$type": "tuple", "items": [1, {"$type": "ndarray", "tensor": "x"}]}, _X)
    code = "a = edgemesh.call('python.f').result\noutput = [type(a).__name__, a[1].tolist()]"
    assert run(sandbox, code, Echo(lambda *_: reply)).value == ["tuple", [1.0, 2.0]]


_X = {"x": Tensor("float64", (2,), np.array([1.0, 2.0]).tobytes())}


def test_each_task_gets_its_own_answer_as_it_comes(sandbox: Sandbox) -> None:
    code = """
order = []
async def one(n):
    order.append((await edgemesh.call.aio("a.b", n=n)).result[1]["n"])
async def main():
    await asyncio.gather(*(one(n) for n in range(5)))
asyncio.run(main())
output = order
"""
    assert run(sandbox, code, Echo(at_once=5)).value == [4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("x=object()", "x: JSON or an array, not a value of type object"),
        ("x=[{1}]", "x[0]: JSON or an array, not a value of type set"),
        ("x={1: 2}", "x: JSON or an array, not a value of type dict"),
        ("x=np.array(['a'])", "x: arrays of <U1 cannot be inputs"),
        ("x=float('nan')", "the parameters of a.b are no JSON"),
    ],
)
def test_what_cannot_cross_is_refused_by_its_name(
    sandbox: Sandbox, arguments: str, message: str
) -> None:
    echo = Echo()
    failure = run(sandbox, f"edgemesh.call('a.b', {arguments})", echo).failure
    assert failure is not None
    assert (failure.type, failure.message[: len(message)]) == ("TypeError", message)
    assert not echo.asked


def test_too_much_is_refused_before_it_is_copied(sandbox: Sandbox) -> None:
    code = "edgemesh.call('a.b', x=np.broadcast_to(0.0, (1 << 27,)))"
    failure = run(sandbox, code, Echo(), memory_bytes=64 << 20).failure
    assert failure is not None
    assert failure.message.startswith("PAYLOAD_TOO_LARGE: the arguments of a.b have 1073741824")


def test_failures_are_raised_typed(sandbox: Sandbox) -> None:
    bad = answer(outcome="CRASH", type="WorkerCrashed", message="gone", notes='["a note"]')
    refused = {"reason": "QUEUE_FULL", "message": "later", "fields": {"a": "b"}}
    code = """
try:
    edgemesh.call("a.b")
except edgemesh.CallError as e:
    known = ("outcome", "type", "message", "reason", "fields", "__notes__")
    output = [type(e).__name__, *(getattr(e, name) for name in known if hasattr(e, name))]
"""
    assert run(sandbox, code, Echo(lambda *_: bad)).value == [
        "CallFailed", "CRASH", "WorkerCrashed", "gone", ["a note"],
    ]  # fmt: skip
    refusal = packed({"refused": refused}, {})
    assert run(sandbox, code, Echo(lambda *_: refusal)).value == [
        "CallRefused", "later", "QUEUE_FULL", {"a": "b"},
    ]  # fmt: skip
    assert run(sandbox, code, None).value[2] == "NOT_GRANTED"


def test_a_run_ends_while_it_waits(sandbox: Sandbox) -> None:
    result = run(sandbox, "edgemesh.call('a.b')", Echo(at_once=2), run_time_ms=300)
    assert result.outcome is Outcome.TIMEOUT
    result = run(sandbox, "[edgemesh.call('a.b') for _ in range(4)]", Echo(), calls=3)
    assert result.outcome is Outcome.CALL_LIMIT


def test_a_cancelled_task_forgets_its_call(sandbox: Sandbox) -> None:
    code = """
async def main():
    try:
        await asyncio.wait_for(edgemesh.call.aio("a.b"), 0.1)
    except TimeoutError:
        return "late"
output = asyncio.run(main())
"""
    echo = Echo(at_once=2)
    assert run(sandbox, code, echo).value == "late"
    assert echo.forgotten == [1]


def test_the_end_of_what_answers_is_the_embedders(sandbox: Sandbox) -> None:
    class Gone(Echo):
        def listen(self, seconds: float) -> None:
            raise EOFError

    with pytest.raises(EOFError):
        run(sandbox, "edgemesh.call('a.b')", Gone())


def test_tools_and_calls_go_together(sandbox: Sandbox) -> None:
    code = """
from edgemesh import tools
async def main():
    a, b = await asyncio.gather(edgemesh.call.aio("a.b", n=1), tools.double.aio(4))
    return [a.result[1]["n"], b]
output = asyncio.run(main())
"""
    text = f"import asyncio, edgemesh\n{code}"
    result = sandbox.run(text, tools={"double": lambda n: 2 * n}, outside=Echo())
    assert result.value == [1, 8]
