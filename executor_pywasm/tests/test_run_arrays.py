# ruff: noqa: E501 - a program a line
"""Arrays, bytes and figures, in and out."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from results import message, ok

from edgemesh_sandbox import Sandbox, Tensor


@pytest.mark.parametrize(
    ("dtype", "form", "values"),
    [
        ("bool", "?", [True, False]),
        ("int8", "b", [-128, 127]),
        ("int16", "<h", [-(2**15), 5]),
        ("int32", "<i", [-(2**31), 5]),
        ("int64", "<q", [-(2**63), 2**63 - 1]),
        ("uint8", "B", [0, 255]),
        ("uint16", "<H", [0, 65535]),
        ("uint32", "<I", [0, 2**32 - 1]),
        ("uint64", "<Q", [0, 2**64 - 1]),
        ("float16", "<e", [0.5, -2.0]),
        ("float32", "<f", [0.5, float("inf")]),
        ("float64", "<d", [1e300, -0.1]),
    ],
)
def test_every_type_of_array_comes_back_bit_by_bit(
    sandbox: Sandbox, dtype: str, form: str, values: list[Any]
) -> None:
    data = b"".join(struct.pack(form, v) for v in values)
    code = "x = inputs['x']\noutput = {'x': x, 'dtype': str(x.dtype), 'values': x.tolist()}"
    code = code if float("inf") not in values else "output = {'x': inputs['x']}"
    result = ok(sandbox.run(code, {"x": Tensor(dtype, (2, 1), data)}))
    assert result.outputs["x"] == Tensor(dtype, (2, 1), memoryview(data))
    if result.result is not None:
        assert result.result == {"dtype": dtype, "values": [[v] for v in values]}


@pytest.mark.parametrize(("dtype", "item"), [("complex64", "<ff"), ("complex128", "<dd")])
def test_complex_arrays_come_back(sandbox: Sandbox, dtype: str, item: str) -> None:
    data = struct.pack(item, 1, -2)
    result = ok(sandbox.run("output = inputs['z'] * 1j", {"z": Tensor(dtype, (1,), data)}))
    assert struct.unpack(item, result.outputs["output"].data) == (2, 1)


def test_arrays_may_be_empty_scalar_transposed_and_written(sandbox: Sandbox) -> None:
    code = """
import numpy as np
a = inputs['a']
a[0, 0] = 9
output = {'t': a.T, 'empty': inputs['e'], 'zero': np.array(7, 'uint8'), 'big': a.astype('>f8')}
"""
    a = Tensor("float64", (2, 2), struct.pack("<4d", 1, 2, 3, 4))
    outputs = ok(sandbox.run(code, {"a": a, "e": Tensor("int16", (0, 3), b"")})).outputs
    assert struct.unpack("<4d", outputs["t"].data) == (9, 3, 2, 4)
    assert struct.unpack("<4d", outputs["big"].data) == (9, 2, 3, 4)
    assert (outputs["empty"].shape, bytes(outputs["empty"].data)) == ((0, 3), b"")
    assert (outputs["zero"].shape, bytes(outputs["zero"].data)) == ((), b"\x07")


def test_a_shape_without_elements_may_be_as_long_as_numpy_in_the_guest_has_it(
    sandbox: Sandbox,
) -> None:
    inputs = {
        "x": Tensor("float64", (0, (1 << 28) - 1), b""),
        "b": Tensor("bytes", (0, 1 << 40), b""),
    }
    result = ok(sandbox.run("output = [*inputs['x'].shape, len(inputs['b'])]", inputs))
    assert result.result == [0, (1 << 28) - 1, 0]


def test_bytes_go_in_and_come_out(sandbox: Sandbox) -> None:
    inputs = {"b": Tensor("bytes", (3,), b"\0\xff\1")}
    result = ok(sandbox.run("output = bytes(reversed(inputs['b']))", inputs))
    assert result.outputs["output"] == Tensor("bytes", (3,), memoryview(b"\1\xff\0"))


def test_a_figure_becomes_a_png(sandbox: Sandbox) -> None:
    code = """
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
axes.plot([1, 2, 3], label='ä')
axes.set_title('$x^2$')
output = {'plot': figure, 'points': 3}
"""
    result = ok(sandbox.run(code))
    plot = result.outputs["plot"]
    assert (plot.dtype, plot.media_type, result.result) == ("bytes", "image/png", {"points": 3})
    assert bytes(plot.data[:8]) == b"\x89PNG\r\n\x1a\n"
    assert plot.shape == (len(plot.data),)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("output = [1]; output.append(output)", "output[1] contains itself"),
        ("output = {}; output['a'] = {1: output}", "output['a'][1] contains itself"),
        ("o = []\nfor _ in range(200): o = [o]\noutput = [o, {1}]", "nested more than 100 deep"),
        ("class C: pass\noutput = C()", "output is of type __main__.C, which has no form outside"),
        ("class C: pass\noutput = {'a': [1, C]}", "output['a'][1] is of type type"),
        ("import enum\nclass E(enum.Enum): A = 1\noutput = E.A", "use .value or .name"),
        ("import dataclasses as d\n@d.dataclass\nclass D: pass\noutput = D()", "asdict()"),
        ("import numpy as np\noutput = np.zeros((1,) * 40)", "at most 32 dimensions"),
        ("import numpy as np\noutput = np.zeros(2, np.longdouble)", "an array of dtype float128"),
        ("import numpy as np\noutput = [np.zeros(1)] * 2000", "at most 1024 can cross"),
        ("import pandas as pd\noutput = pd.period_range('2026', periods=2)", "dtype period["),
    ],
)  # fmt: skip
def test_what_cannot_be_given_back_is_named_with_its_place(
    sandbox: Sandbox, code: str, expected: str
) -> None:
    text = message(sandbox.run(code))
    assert text.startswith("OutputError: ")
    assert expected in text


def test_numpy_scalars_are_numbers(sandbox: Sandbox) -> None:
    code = "import numpy as np\noutput = [np.int64(2**60), np.float32(0.5), np.longdouble(0.5), np.bool_(True)]"
    assert ok(sandbox.run(code)).result == [2**60, 0.5, 0.5, True]


def test_open_figures_are_outputs(sandbox: Sandbox) -> None:
    code = """
import matplotlib.pyplot as plt
given = plt.figure()
plt.figure()
plt.plot([1, 2])
closed = plt.figure()
plt.close(closed)
output = {'given': given, 'n': 1}
"""
    result = ok(sandbox.run(code))
    assert sorted(result.outputs) == ["figure-1", "given"]
    assert {t.media_type for t in result.outputs.values()} == {"image/png"}
    assert result.value["n"] == 1
    assert bytes(result.outputs["figure-1"].data[:4]) == b"\x89PNG"


def test_tensors_are_copied_into_the_memory_that_is_given(sandbox: Sandbox) -> None:
    given: list[memoryview] = []

    def allocate(nbytes: int) -> memoryview:
        given.append(memoryview(bytearray(nbytes)))
        return given[-1]

    code = "import numpy as np\noutput = np.arange(5, dtype='uint8')"
    result = ok(sandbox.run(code, allocate=allocate))
    assert result.outputs["output"].data is given[0]
    assert bytes(given[0]) == b"\0\1\2\3\4"
