"""Programs that abuse what they were granted: calls of the mesh, and graphs of tensors.

Each runs through a whole mesh, as a tenant with a key. `outcomes`: those that are right; `says`:
what its failure tells, among other things.
"""
# ruff: noqa: E501 - a table, one program a line

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

OK, EXCEPTION, TIMEOUT, CALLS, MEMORY = "OK", "EXCEPTION", "TIMEOUT", "CALL_LIMIT", "MEMORY_LIMIT"


@dataclass(frozen=True)
class Case:
    """A program that is up to no good."""

    name: str
    code: str
    outcomes: Sequence[str]
    says: str = ""
    capabilities: Sequence[str] = ("call:*", "candle")
    run_time_ms: int = 10_000
    calls: int = 100


_ITSELF = """
import asyncio, edgemesh
code = '''
import asyncio, edgemesh
async def one():
    return (await edgemesh.call.having("call:python.*").aio("python.run", code=inputs["code"], inputs=inputs)).result
async def main():
    return await asyncio.gather(*(one() for _ in range(WIDE)))
output = asyncio.run(main())
'''.replace("WIDE", "{wide}")
edgemesh.call.having("call:python.*")("python.run", code=code, inputs={{"code": code}})
"""
_GRAPH = "import edgemesh, numpy as np\nedgemesh.call('ml.tensor', nodes={nodes}, outputs={{'y': {out}}}, x=np.ones((2, 3)))"


def _graph(name: str, nodes: str, says: str, out: int = 0) -> Case:
    return Case(name, _GRAPH.format(nodes=nodes, out=out), (EXCEPTION,), says)


CASES = [
    # edgemesh.call
    Case("a call of itself without end", _ITSELF.format(wide=1), (EXCEPTION,), "CALLS_TOO_DEEP", run_time_ms=20_000),
    Case("two of itself each time, without end", _ITSELF.format(wide=2), (EXCEPTION, TIMEOUT, CALLS), run_time_ms=3_000),
    Case("calls in a loop without end", "import edgemesh\nwhile True: edgemesh.call('python.run', code='1')", (CALLS,), "calls"),
    Case("what it was not granted", "import edgemesh\nedgemesh.call('python.run', code='1')", (EXCEPTION,), "NOT_GRANTED", capabilities=("call:cpp.*",)),
    Case("what is another tenant's", "import edgemesh\nedgemesh.call('python.hidden')", (EXCEPTION,), "UNKNOWN_ALGORITHM"),
    Case("what nobody offers", "import edgemesh\nedgemesh.call('no.such')", (EXCEPTION,), "UNKNOWN_ALGORITHM"),
    Case("more than it has, passed on", "import edgemesh\nedgemesh.call.having('call:*')('python.run', code='1')", (EXCEPTION,), "NOT_GRANTED", capabilities=("call:python.run",)),
    Case("one gigabyte", "import edgemesh, numpy as np\nedgemesh.call('ml.tensor', x=np.broadcast_to(0.0, (1 << 27,)))", (EXCEPTION,), "PAYLOAD_TOO_LARGE"),
    Case("at its last moment", "import edgemesh, time\ntime.sleep(0.39)\nwhile True: edgemesh.call('python.run', code='while True: pass')", (EXCEPTION, TIMEOUT), run_time_ms=400),
    Case("with a time that is long over", "import edgemesh\nedgemesh.call.having(run_time_ms=1)('python.run', code='while True: pass')", (EXCEPTION,), "TIMEOUT"),
    Case("with more time than it has", "import edgemesh\nedgemesh.call.having(run_time_ms=60_000)('python.run', code='while True: pass')", (EXCEPTION, TIMEOUT), run_time_ms=500),
    Case("of a program that crashes", "import edgemesh\nedgemesh.call('python.run', code='import os; os.abort()')", (EXCEPTION,), "CRASH"),
    Case("of a program that takes all memory", "import edgemesh\nedgemesh.call('python.run', code='x = []\\nwhile True: x.append(bytearray(1 << 24))')", (EXCEPTION,), MEMORY),
    # graphs
    _graph("a graph with a cycle", "[{'op': 'relu', 'args': [1]}, {'op': 'relu', 'args': [0]}]", "no cycle"),
    _graph("a node of itself", "[{'op': 'exp', 'args': [0]}]", "args[0] is node 0"),
    _graph("a wrong shape", "[{'op': 'input', 'name': 'x'}, {'op': 'matmul', 'args': [0, 0]}]", "matmul: float64 [2, 3] and float64 [2, 3]", 1),
    _graph("a shape of more than there is", "[{'op': 'full', 'value': 1, 'dtype': 'float64', 'shape': [1 << 20, 1 << 20]}]", "has more than"),
    _graph("a shape that grows node by node", "[{'op': 'full', 'value': 1, 'dtype': 'float64', 'shape': [1, 1 << 20]}, {'op': 'broadcast_to', 'args': [0], 'shape': [1 << 30, 1 << 20]}]", "broadcast_to", 1),
    _graph("an output that is no node", "[{'op': 'input', 'name': 'x'}]", "", 7),
    _graph("no such operation", "[{'op': 'fly'}]", "no such operation"),
    _graph("a million nodes", "[{'op': 'full', 'value': 1, 'dtype': 'uint8'}] * 100_000", "at most 4096 nodes"),
    Case("candle: a wrong shape", "import candle\n(candle.ones(2, 3) @ candle.ones(2, 3)).tolist()", (EXCEPTION,), "matmul: (2, 3) and (2, 3)"),
    Case("candle: a graph that refers to itself", "import candle\nx = candle.Tensor([1.0]) + 1\nx._args = (x,)\nx.tolist()", (TIMEOUT, MEMORY, EXCEPTION), run_time_ms=700),
    Case("candle: a tensor of more elements than there are", "import candle\ncandle.ones(10 ** 6, 10 ** 6).tolist()", (EXCEPTION,), "has more than"),
]  # fmt: skip
