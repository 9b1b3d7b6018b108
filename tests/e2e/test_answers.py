"""Each algorithm gives the right answer through the gateway."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from edgemesh.compute.v1 import compute_pb2, tensor_pb2
from support import arrays, rpc
from support.rpc import Peer

RNG = np.random.default_rng(20_261_121)


def numbers(dtype: str, *shape: int) -> npt.NDArray[Any]:
    """Random numbers of a dtype, complex ones in both parts."""
    real = RNG.standard_normal(shape)
    return (real + 1j * RNG.standard_normal(shape) if "c" in dtype else real).astype(dtype)


async def compute(
    gateway: Peer,
    algorithm: str,
    parameters: dict[str, Any] | None = None,
    inputs: dict[str, npt.NDArray[Any]] | None = None,
) -> compute_pb2.ComputeResponse:
    """A response with outcome OK."""
    request = rpc.request(algorithm, parameters, inputs)
    response = await gateway.compute.Compute(request, timeout=60)
    assert rpc.outcome(response) == "OK", (response.failure, response.stderr)
    return response


@pytest.mark.needs("cpp")
@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<c8", "<c16"])
@pytest.mark.parametrize("shape", [(1,), (17,), (309,), (6, 10), (3, 4, 5)])
async def test_fft_and_ifft_are_numpys(gateway: Peer, dtype: str, shape: tuple[int, ...]) -> None:
    x = numbers(dtype, *shape)
    response = await compute(gateway, "cpp.fft", None, {"x": x})
    y = arrays.array(response.outputs["y"])
    tolerance = 1e-4 if dtype in ("<f4", "<c8") else 1e-11
    assert y.dtype == ("<c8" if dtype in ("<f4", "<c8") else "<c16")
    np.testing.assert_allclose(y, np.fft.fftn(x), atol=tolerance)
    back = await compute(gateway, "cpp.ifft", None, {"x": y})
    np.testing.assert_allclose(arrays.array(back.outputs["y"]), x, atol=tolerance)


@pytest.mark.needs("cpp")
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
async def test_fft_of_some_axes(
    gateway: Peer, norm: Literal["backward", "ortho", "forward"]
) -> None:
    x = numbers("<f8", 4, 6, 5)
    response = await compute(gateway, "cpp.fft", {"axes": [0, -1], "norm": norm}, {"x": x})
    np.testing.assert_allclose(
        arrays.array(response.outputs["y"]),
        np.fft.fftn(x, axes=(0, -1), norm=norm),
        atol=1e-11,
    )


@pytest.mark.needs("cpp")
@pytest.mark.parametrize("dtype", ["<f4", "<f8", "<c8", "<c16"])
@pytest.mark.parametrize(
    ("left", "right"), [((3, 4), (4, 2)), ((4,), (4,)), ((5, 1, 3, 4), (6, 4, 2)), ((0, 3), (3, 2))]
)
async def test_matmul_is_numpys(
    gateway: Peer, dtype: str, left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    a, b = numbers(dtype, *left), numbers(dtype, *right)
    response = await compute(gateway, "cpp.matmul", None, {"a": a, "b": b})
    y = arrays.array(response.outputs["y"])
    assert y.dtype == a.dtype
    np.testing.assert_allclose(y, a @ b, atol=1e-4 if dtype in ("<f4", "<c8") else 1e-11)


@pytest.mark.needs("cpp")
async def test_large_tensors_go_both_ways(gateway: Peer) -> None:
    x = numbers("<f8", 1024, 2048)  # 16 MiB there, 32 MiB back
    response = await compute(gateway, "cpp.fft", None, {"x": x})
    np.testing.assert_allclose(arrays.array(response.outputs["y"]), np.fft.fftn(x), atol=1e-6)


@pytest.mark.needs("ml")
async def test_embeddings_know_what_is_alike(gateway: Peer) -> None:
    texts = ["A cat sleeps.", "A kitten is napping.", "Interest rates rose.", "", "Ünïcödé 🙂 猫"]
    response = await compute(gateway, "ml.embed", {"texts": texts})
    rows = arrays.array(response.outputs["embeddings"])
    assert rows.shape == (len(texts), 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-4)
    nearness = rows @ rows.T
    assert nearness[0, 1] > 0.5 > nearness[0, 2]
    alone = await compute(gateway, "ml.embed", {"texts": texts[:1]})
    np.testing.assert_allclose(arrays.array(alone.outputs["embeddings"])[0], rows[0], atol=1e-4)


@pytest.mark.needs("pywasm")
async def test_python_sees_its_inputs_and_gives_what_it_made(gateway: Peer) -> None:
    code = """
import sys
import numpy as np
import pandas as pd
print("mean", inputs["x"].mean())
print("to stderr", file=sys.stderr)
frame = pd.DataFrame({"x": inputs["x"], "group": ["a", "b"] * 4})
output = {
    "sums": frame.groupby("group")["x"].sum().to_dict(),
    "squares": inputs["x"] ** 2,
    "raw": bytes([0, 255]),
    "svd": np.linalg.svd(inputs["m"])[1],
}
"""
    x, m = np.arange(8.0), numbers("<f8", 4, 4)
    response = await compute(gateway, "python.run", {"code": code}, {"x": x, "m": m})
    assert response.stdout == "mean 3.5\n"
    assert response.stderr == "to stderr\n"
    assert json.loads(response.result) == {"sums": {"a": 12.0, "b": 16.0}}
    np.testing.assert_array_equal(arrays.array(response.outputs["squares"]), x**2)
    np.testing.assert_allclose(
        arrays.array(response.outputs["svd"]), np.linalg.svd(m)[1], rtol=1e-9
    )
    assert response.outputs["raw"].dtype == tensor_pb2.DATA_TYPE_BYTES
    assert response.outputs["raw"].data == b"\x00\xff"


@pytest.mark.needs("pywasm")
async def test_a_function_of_a_program_is_called_with_typed_values(gateway: Peer) -> None:
    parameters = {
        "code": "def later(day, *, by):\n    return {'day': day + by, 'n': {1: 2}}",
        "function": "later",
        "args": [{"$type": "date", "value": "2026-01-31"}],
        "kwargs": {"by": {"$type": "timedelta", "value": [1, 0, 0]}},
    }
    response = await compute(gateway, "python.call", parameters)
    assert json.loads(response.result) == {
        "day": {"$type": "date", "value": "2026-02-01"},
        "n": {"$type": "dict", "items": [[1, 2]]},
    }
    assert [stage.name for stage in response.usage.stages] == [
        "instance", "inputs", "run", "outputs",
    ]  # fmt: skip


@pytest.mark.needs("pywasm")
async def test_a_function_is_mapped_over_items_in_their_order(gateway: Peer) -> None:
    x = np.arange(4.0)
    parameters = {
        "code": "def f(n):\n    print(n)\n    return inputs['x'] * (6 // n)",
        "function": "f",
        "items": [1, 2, 0, 3],
    }
    response = await compute(gateway, "python.map", parameters, {"x": x})
    told = json.loads(response.result)
    assert [item["outcome"] for item in told] == ["ok", "ok", "exception", "ok"]
    assert told[2]["failure"]["type"] == "ZeroDivisionError"
    for n in (1, 2, 3):
        name = told[n if n == 3 else n - 1]["result"]["tensor"]
        np.testing.assert_array_equal(arrays.array(response.outputs[name]), x * (6 // n))
    assert response.stdout == "1\n2\n0\n3\n"


@pytest.mark.needs("pywasm")
async def test_files_that_a_program_writes_are_outputs(gateway: Peer) -> None:
    code = "open('/outputs/a.csv', 'w').write(open('/inputs/b').read())\n1 / 0"
    request = rpc.request("python.run", {"code": code})
    request.inputs["b"].CopyFrom(
        tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_BYTES, shape=[3], data=b"1,2")
    )
    response = await gateway.compute.Compute(request, timeout=30)
    assert rpc.outcome(response) == "EXCEPTION"
    output = response.outputs["a.csv"]
    assert (output.data, output.media_type) == (b"1,2", "text/csv")


@pytest.mark.needs("pywasm")
async def test_what_a_program_raises_is_a_result(gateway: Peer) -> None:
    request = rpc.request("python.run", {"code": "print('so far')\n1 / 0"})
    response = await gateway.compute.Compute(request, timeout=30)
    assert rpc.outcome(response) == "EXCEPTION"
    assert response.failure.type == "ZeroDivisionError"
    assert "line 2" in response.failure.traceback
    assert response.stdout == "so far\n"


@pytest.mark.needs("cpp", "ml", "pywasm")
async def test_all_executors_work_at_once(gateway: Peer) -> None:
    x = numbers("<f8", 64)
    for _ in range(3):
        spectrum, rows, square = await asyncio.gather(
            compute(gateway, "cpp.fft", None, {"x": x}),
            compute(gateway, "ml.embed", {"texts": ["one"]}),
            compute(gateway, "python.run", {"code": "output = 7 * 6"}),
        )
        np.testing.assert_allclose(arrays.array(spectrum.outputs["y"]), np.fft.fft(x), atol=1e-10)
        assert arrays.array(rows.outputs["embeddings"]).shape == (1, 384)
        assert json.loads(square.result) == 42
