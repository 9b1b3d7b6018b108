# ruff: noqa: E501 - a program a line
"""What a program is given, and what it gives back."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from results import message, ok

from edgemesh_sandbox import Call, Limits, Sandbox

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=JSON)
def test_json_goes_in_and_comes_back(sandbox: Sandbox, value: Any) -> None:
    result = ok(sandbox.run("output = {'value': inputs['value']}", {"value": value}))
    assert result.result == {"value": value}


def test_nothing_set_is_no_result(sandbox: Sandbox) -> None:
    result = ok(sandbox.run("x = 1"))
    assert (result.result, result.outputs, result.stdout, result.stderr) == (None, {}, "", "")


LAST_EXPRESSIONS = {
    "5": 5,
    "x = 1; x + 1": 2,
    "x = 1\nx": 1,
    "def f(a):\n    return a\nf(\na=3)": 3,
    "def f(a):\n    return a\nf(a='''\nx\n''')  # the end\n\n": "\nx\n",
    "from __future__ import annotations\n[1]": [1],
    "x = [1,\n2\n]\n(x[0],\n x[1],\n)\n": (1, 2),
    "(y := 3)": 3,
    "if True:\n    7": None,
    "for n in range(3): n": None,
    "print(1)": None,
    "x: int = 3": None,
    "output = None\n5": None,
    "output = 1\n5": 1,
    "object()": None,
    "lambda: 1": None,
    "6\n'''\n7'''": "\n7",
    "2 if False else \\\n9": 9,
}


@pytest.mark.parametrize("code", LAST_EXPRESSIONS)
def test_the_last_expression_is_the_result(sandbox: Sandbox, code: str) -> None:
    assert ok(sandbox.run(code)).value == LAST_EXPRESSIONS[code]


def test_the_last_expression_keeps_its_line(sandbox: Sandbox) -> None:
    failure = sandbox.run("x = 1\n\n\n# four\nx / 0").failure
    assert failure is not None
    assert 'File "main.py", line 5, in <module>\n    x / 0' in failure.traceback


def test_a_function_is_called_with_values(sandbox: Sandbox) -> None:
    code = "base = 10\nasync def add(a, *, b):\n    return a + b + base"
    result = ok(sandbox.run(code, call=Call("add", [1], {"b": Decimal("0.5")})))
    assert result.value == Decimal("11.5")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("g", "NameError: the program defines no function 'g'"), ("f", "TypeError: f() missing")],
)
def test_a_function_that_cannot_be_called_is_an_exception(
    sandbox: Sandbox, name: str, expected: str
) -> None:
    text = message(sandbox.run("def f(a): pass", call=Call(name)))
    assert text.startswith(expected)


def test_asyncio_sleeps_side_by_side(sandbox: Sandbox) -> None:
    code = """
import asyncio, time
async def main():
    began = time.monotonic()
    await asyncio.gather(*(asyncio.sleep(2) for _ in range(20)))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, n)) for n in range(3)]
    return [t.result() for t in tasks], time.monotonic() - began
output = asyncio.run(main())
"""
    values, seconds = ok(sandbox.run(code)).result
    assert values == [0, 1, 2]
    assert seconds >= 2  # one after the other they would not end within the run's limit


ASYNC = {
    "return [n async for n in numbers()]": [0, 1, 2],
    "return await asyncio.to_thread(sum, [1, 2])": 3,
    "queue = asyncio.Queue(); asyncio.create_task(queue.put(1)); return await queue.get()": 1,
    "await asyncio.create_subprocess_exec('ls')": "OSError",
    "await asyncio.create_subprocess_shell('ls')": "OSError",
    "await asyncio.open_connection('localhost', 80)": "OSError",
    "await asyncio.start_server(print, 'localhost', 80)": "OSError",
    "asyncio.get_running_loop().add_signal_handler(2, print)": "NotImplementedError",
    "await asyncio.wait_for(asyncio.Event().wait(), 0.01)": "TimeoutError",
    "await asyncio.to_thread(int, 'x')": "ValueError",
}


@pytest.mark.parametrize("body", ASYNC)
def test_asyncio_does_what_it_can_and_refuses_the_rest(sandbox: Sandbox, body: str) -> None:
    code = f"""
import asyncio
async def numbers():
    for n in range(3):
        await asyncio.sleep(0)
        yield n
async def main():
    {body}
asyncio.run(main())
"""
    result = sandbox.run(code)
    assert (result.failure.type if result.failure else result.value) == ASYNC[body]


def test_it_runs_from_several_threads(sandbox: Sandbox) -> None:
    results: dict[int, Any] = {}

    def work(n: int) -> None:
        results[n] = sandbox.run("output = sum(range(inputs['n']))", {"n": n}).result

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {n: sum(range(n)) for n in range(6)}


LIBRARIES = [
    "import datetime, zoneinfo; output = str(datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Asia/Tokyo')).utcoffset())",
    "import matplotlib.pyplot as plt; output = plt.figure().add_subplot(projection='3d').name",
    "from sklearn.datasets import load_iris; output = list(load_iris().data.shape)",
    "import importlib.metadata as m; output = m.version('numpy')",
    "import sqlite3; output = sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0]",
    "import pandas as pd; output = pd.DataFrame({'k': list('aab'), 'v': [1, 2, 3]}).groupby('k').v.sum().to_dict()",
    "import scipy.stats as s; output = round(s.norm.cdf(1.96), 4)",
    "from sklearn.cluster import KMeans; import numpy as np; output = len(set(KMeans(2, n_init=1).fit_predict(np.array([[0.], [0.1], [9.], [9.1]])).tolist()))",
    "import sympy; output = str(sympy.diff(sympy.Symbol('x') ** 3))",
    "import lxml.etree as e; output = e.fromstring('<a><b/></a>').tag",
    "from PIL import Image; import io; b = io.BytesIO(); Image.new('RGB', (2, 2)).save(b, 'PNG'); output = b.getvalue()",
    "import bz2, lzma, zlib, gzip, hashlib; output = hashlib.sha256(lzma.compress(b'')).hexdigest()[:4]",
    "import yaml, tomllib, json; output = yaml.safe_load('a: [1, 2]')",
    "import statsmodels.api as sm, numpy as np; output = round(float(sm.OLS(np.arange(5.), sm.add_constant(np.arange(5.))).fit().rsquared), 6)",
]  # fmt: skip


@pytest.mark.parametrize("code", LIBRARIES, ids=lambda code: code.split()[1])
def test_the_library_works_without_files(sandbox: Sandbox, code: str) -> None:
    result = ok(sandbox.run(code))
    assert result.result is not None or result.outputs


def test_inputs_that_are_bytes_are_files(sandbox: Sandbox) -> None:
    code = "import os\noutput = [sorted(os.listdir('/inputs')), open('/inputs/a.csv').read()]"
    result = ok(
        sandbox.run(code, {"a.csv": b"1,2", "b": b"x" * 5000, "c/d": b"", "..": b"", "n": 1})
    )
    assert result.result == [["a.csv", "b"], "1,2"]


FILES = """
import os
os.makedirs('/outputs/plots')
left_open = open('/outputs/table.csv', 'w')
left_open.write('a,b')
open('/outputs/plots/p.png', 'wb').write(b'png')
open('/outputs/given', 'w').write('file')
open('/outputs/odd\\nname', 'w').write('odd')
"""


def test_files_below_outputs_are_outputs(sandbox: Sandbox) -> None:
    outputs = ok(sandbox.run(f"{FILES}\noutput = {{'given': b'value'}}")).outputs
    assert {name: (bytes(t.data), t.media_type) for name, t in outputs.items()} == {
        "given": (b"value", ""),
        "outputs/given": (b"file", ""),
        "plots/p.png": (b"png", "image/png"),
        "table.csv": (b"a,b", "text/csv"),
        "odd\\nname": (b"odd", ""),
    }


def test_files_are_kept_however_it_ends(sandbox: Sandbox) -> None:
    for end in ("1 / 0", "import sys; sys.exit(3)", "while True: pass", "import os; os.abort()"):
        result = sandbox.run(f"{FILES}\nleft_open.close()\n{end}", limits=Limits(run_time_ms=2000))
        assert not result.ok
        assert bytes(result.outputs["table.csv"].data) == b"a,b"


def test_the_time_is_told_by_stage(sandbox: Sandbox) -> None:
    result = ok(sandbox.run("import time\ntime.sleep(0.05)"))
    assert list(result.stages) == ["instance", "inputs", "run", "outputs"]
    assert result.stages["run"] >= 50_000
    assert sum(result.stages.values()) <= result.run_s * 1e6
