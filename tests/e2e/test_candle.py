"""`import candle` in a program, against the NumPy that the same program has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support import rpc
from support.rpc import Peer

pytestmark = pytest.mark.needs("ml", "pywasm")


async def run(gateway: Peer, code: str, *capabilities: str) -> Any:
    request = rpc.request("python.run", {"code": code}, capabilities=capabilities or ["candle"])
    response = await gateway.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "OK", response.failure
    return json.loads(response.result)


EXPRESSIONS = """
x + y; x - 2; 3 - x; x * y; x / y; 2 / x; x ** 2; 2 ** x; -x; abs(-x); x @ y.T; y @ x.T
x[0]; x[-1, 1:]; x[..., None]; x[:, ::-1]; x[::2]; x[0, 1]; x[[1, 0, -1]]; x[:, [0, 2]]; x[1:1]
x.sum(); x.sum(0); x.sum((0, 1)); x.sum(-1, keepdims=True); x.mean(1); x.max(); x.min(0)
x.reshape(3, 2); x.reshape(-1); x.reshape((2, -1)); x.T; (x > y); (x == x); (x <= 2)
x[0] @ y[0]; x[0] @ y.T; x @ y[1]
""".replace("\n", ";")

EVALUATE = f"""
import candle, numpy as np
found = []
a, b = np.random.default_rng(3).uniform(0.5, 3, (2, 2, 3)).astype("float32")
for expression in {EXPRESSIONS!r}.split(";"):
    if expression.strip():
        lazy = eval(expression, {{"x": candle.Tensor(a), "y": candle.Tensor(b)}})
        wanted = eval(expression, {{"x": a, "y": b}})
        same = lazy.shape == np.shape(wanted) and np.allclose(lazy.numpy(), wanted, 1e-5, 1e-6)
        if not same or lazy.shape != lazy.numpy().shape:
            found.append(expression)
output = found
"""


async def test_expressions_are_numpys(gateway: Peer) -> None:
    assert await run(gateway, EVALUATE) == []


async def test_a_model_in_plain_tensors(gateway: Peer) -> None:
    """Attention and a gelu layer, with half-precision, as one call each."""
    code = """
import candle, numpy as np
rng = np.random.default_rng(0)
x, w, b = (rng.normal(size=s).astype("float32") for s in ((2, 5, 8), (8, 24), (24,)))
def attention(x, w, b, softmax, split):
    q, k, v = split(x @ w + b)
    return softmax((q @ k) / 8 ** 0.5) @ v
def np_softmax(m):
    e = np.exp(m - m.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
def np_split(m): return m[..., :8], m[..., 8:16].transpose(0, 2, 1), m[..., 16:]
def split(m): return m[..., :8], m[..., 8:16].transpose(0, 2, 1), m[..., 16:]
wanted = attention(x, w, b, np_softmax, np_split)
T = candle.Tensor
found = attention(T(x), T(w), T(b), lambda m: m.softmax(-1), split)
half = attention(*(T(a).to("bfloat16") for a in (x, w, b)), lambda m: m.softmax(-1), split)
candle.evaluate(found, half)
output = [float(abs(found.numpy() - wanted).max()), float(abs(half.numpy() - wanted).max())]
"""
    exact, rough = await run(gateway, code)
    assert exact < 1e-5
    assert 1e-4 < rough < 0.2


async def test_mistakes_are_raised_where_they_are_made(gateway: Peer) -> None:
    code = """
import candle
T, found = candle.Tensor, []
x = T([[1.0, 2, 3], [4, 5, 6]])
for wrong in (lambda: x + T([1.0, 2]), lambda: x @ x, lambda: x[2], lambda: x.sum(2),
              lambda: x.reshape(4), lambda: T([1]).exp(), lambda: x + T([1, 2, 3]),
              lambda: x.transpose(0, 0), lambda: x.take([[0]]), lambda: T([1.0], "complex64"),
              lambda: candle.concat([x, x.T]), lambda: T([1]) + 0.5):
    try:
        wrong()
        found.append(None)
    except (ValueError, TypeError, IndexError) as e:
        found.append(str(e))
output = found
"""
    assert await run(gateway, code) == [
        "add: shapes (2, 3) and (2,) do not broadcast",
        "matmul: (2, 3) and (2, 3)",
        "index 2 of 2",
        "sum: axis 2 of 2 dimensions",
        "reshape: (2, 3) cannot become (4,)",
        "exp: of floats, not int64; convert by .to('float32')",
        "float32 and int64: convert one by .to(…)",
        "transpose: axes [0, 0] are not all 2",
        "take: a row of int64 or uint32, not int64 (1, 1)",
        "element type 'complex64'; there are uint8, uint32, int64, float16, bfloat16, float32, "
        "float64",
        "concat: (2, 3) and (3, 2)",
        "0.5 is no int64: convert the tensor by .to('float32')",
    ]


async def test_an_index_out_of_range_names_the_operation(gateway: Peer) -> None:
    code = """
import candle, edgemesh
try:
    candle.Tensor([1.0, 2.0]).take([5]).tolist()
except edgemesh.CallRefused as e:
    output = [e.reason, e.fields]
"""
    reason, fields = await run(gateway, code)
    assert reason == "INVALID_PARAMETER"
    assert fields == {"parameters.nodes[2]": "take: index 5 of 2"}


async def test_a_model_is_loaded_and_its_vectors_are_tensors(gateway: Peer) -> None:
    code = """
import candle
e = candle.load()(["a small cat", "a kitten", "tax law"])
near = (e @ e.T).tolist()
output = [e.shape[1], near[0][1] > near[0][2]]
"""
    assert await run(gateway, code) == [384, True]


async def test_without_the_grant_nothing_is_computed(gateway: Peer) -> None:
    code = """
import candle, edgemesh
try:
    (candle.Tensor([1.0]) + 1).tolist()
except edgemesh.CallRefused as e:
    output = e.reason
"""
    assert await run(gateway, code, "call:cpp.*") == "NOT_GRANTED"
