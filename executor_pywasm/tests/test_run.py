# ruff: noqa: E501 - a program a line
"""What a program is given, and what it gives back."""

from __future__ import annotations

import signal
import struct
import threading
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgemesh_sandbox import Call, InputError, Limits, Outcome, Result, Sandbox, Tensor

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def ok(result: Result) -> Result:
    assert result.outcome is Outcome.OK, result
    return result


def message(result: Result) -> str:
    assert result.outcome is Outcome.EXCEPTION, result
    assert result.failure is not None
    return f"{result.failure.type}: {result.failure.message}"


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


def test_print_and_stderr_are_kept_apart(sandbox: Sandbox) -> None:
    code = (
        "import sys\nprint('ä', 1)\nprint('oh', file=sys.stderr)\nsys.stdout.buffer.write(b'\\xff')"
    )
    result = ok(sandbox.run(code))
    assert (result.stdout, result.stderr) == ("ä 1\n�", "oh\n")


def test_what_is_written_past_sys_stdout_is_kept_in_order(sandbox: Sandbox) -> None:
    code = "import os\nprint('a')\nos.write(1, b'b\\n')\nprint('c')\nos.write(2, b'd')"
    result = ok(sandbox.run(code))
    assert (result.stdout, result.stderr) == ("a\nb\nc\n", "d")


def test_stdin_is_read_to_its_end(sandbox: Sandbox) -> None:
    code = "first = input('? ')\nimport sys\noutput = [first, sys.stdin.read(), sys.stdin.read()]"
    result = ok(sandbox.run(code, stdin="one\ntwo\nthree"))
    assert result.result == ["one", "two\nthree", ""]
    assert result.stdout == "? "
    assert message(sandbox.run("input()")) == "EOFError: EOF when reading a line"


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


def test_notes_and_groups_are_told(sandbox: Sandbox) -> None:
    code = """
error = ExceptionGroup('two', [ValueError('v'), ExceptionGroup('in', [KeyError('k')])])
error.add_note('first')
error.add_note('second')
raise error
"""
    failure = sandbox.run(code).failure
    assert failure is not None
    assert (failure.type, failure.notes) == ("ExceptionGroup", ("first", "second"))
    assert [e.type for e in failure.exceptions] == ["ValueError", "ExceptionGroup"]
    assert [e.message for e in failure.exceptions[1].exceptions] == ["'k'"]
    assert "second" in failure.traceback


@pytest.mark.parametrize(
    "code",
    [
        "raise ExceptionGroup('g', [ValueError('x' * 10**6)] * 5000)",
        "e = ValueError()\nfor _ in range(5000): e.add_note('\U0001f600' * 10**4)\nraise e",
        "e = ValueError()\nfor _ in range(200): e = ExceptionGroup('\U0001f600' * 9999, [e] * 9)\nraise e",
        "e = ValueError()\ne.__notes__ = 5\nraise e",
        "class E(Exception):\n  @property\n  def __notes__(self): raise KeyboardInterrupt\nraise E",
        "class E(ExceptionGroup):\n  exceptions = 3\nraise E('', [ValueError()])",
    ],
)
def test_hostile_exceptions_are_told_within_bounds(sandbox: Sandbox, code: str) -> None:
    result = sandbox.run(code)
    assert result.outcome is Outcome.EXCEPTION
    assert result.failure is not None
    assert len(repr(result.failure)) < 1 << 20


def test_a_program_may_replace_what_the_runtime_stands_on(sandbox: Sandbox) -> None:
    code = """
import builtins, json, sys, datetime, traceback
json.dumps = json.loads = json.JSONEncoder = json.encoder.c_make_encoder = None
for name in ('len', 'isinstance', 'type', 'sorted', 'any', 'all', 'map', 'enumerate', 'repr'):
    setattr(builtins, name, None)
sys.stdout = sys.modules['json'] = sys.modules['numpy'] = None
output = {1: (datetime.date(2026, 1, 2), 'x')}
"""
    assert ok(sandbox.run(code)).value == {1: (date(2026, 1, 2), "x")}


def test_a_traceback_has_the_users_frames_and_lines_only(sandbox: Sandbox) -> None:
    code = "def f(n):\n    return 1 // n\n\ntry:\n    f(0)\nexcept ZeroDivisionError as e:\n    raise ValueError('no') from e\n"
    failure = sandbox.run(code).failure
    assert failure is not None
    assert (failure.type, failure.message) == ("ValueError", "no")
    assert "    return 1 // n" in failure.traceback
    assert 'File "main.py", line 7, in <module>' in failure.traceback
    assert "_edgemesh" not in failure.traceback


def test_library_errors_keep_their_modules(sandbox: Sandbox) -> None:
    code = "import numpy as np\nnp.linalg.inv(np.zeros((2, 2)))"
    assert message(sandbox.run(code)) == "numpy.linalg.LinAlgError: Singular matrix"


def test_a_syntax_error_shows_the_line(sandbox: Sandbox) -> None:
    failure = sandbox.run("x = 1\ny = (\n").failure
    assert failure is not None
    assert failure.type == "SyntaxError"
    assert 'File "main.py", line 2' in failure.traceback


@pytest.mark.parametrize(
    "code", ["x = '\0'", "\ud800", "def f():\n\tx\n        y", "\ufeff\ufeff1", "(" * 10_000]
)
def test_source_that_is_no_python_is_an_exception(sandbox: Sandbox, code: str) -> None:
    assert "Error" in message(sandbox.run(code))


@pytest.mark.parametrize(
    ("code", "outcome", "status", "stderr"),
    [
        ("import sys; sys.exit()", Outcome.OK, 0, ""),
        ("import sys; sys.exit(0)", Outcome.OK, 0, ""),
        ("import sys; sys.exit(3)", Outcome.EXIT, 3, ""),
        ("raise SystemExit('bye')", Outcome.EXIT, 1, "bye\n"),
        ("import os; os._exit(5)", Outcome.EXIT, 5, ""),
        ("import os; os._exit(0)", Outcome.OK, 0, ""),
        ("exit(2)", Outcome.EXIT, 2, ""),
    ],
)
def test_exits(sandbox: Sandbox, code: str, outcome: Outcome, status: int, stderr: str) -> None:
    result = sandbox.run(f"print('before')\noutput = 1\n{code}")
    assert (result.outcome, result.stdout, result.stderr) == (outcome, "before\n", stderr)
    assert (result.failure.exit_code if result.failure else 0) == status


def test_exit_zero_gives_the_output(sandbox: Sandbox) -> None:
    assert ok(sandbox.run("output = 7\nimport sys\nsys.exit(0)")).result == 7


def test_functions_registered_for_the_exit_run(sandbox: Sandbox) -> None:
    result = ok(sandbox.run("import atexit\natexit.register(print, 'bye')\nprint('hello')"))
    assert result.stdout == "hello\nbye\n"


def test_asyncio_sleeps_side_by_side(sandbox: Sandbox) -> None:
    code = """
import asyncio, time
async def main():
    began = time.monotonic()
    await asyncio.gather(*(asyncio.sleep(0.05) for _ in range(20)))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(0, n)) for n in range(3)]
    return [t.result() for t in tasks], time.monotonic() - began
output = asyncio.run(main())
"""
    values, seconds = ok(sandbox.run(code)).result
    assert values == [0, 1, 2]
    assert 0.05 <= seconds < 0.9


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


def test_output_is_told_of_while_it_is_printed(sandbox: Sandbox) -> None:
    told: list[tuple[str, str]] = []
    seen = threading.Event()

    def on_output(stream: str, text: str) -> None:
        told.append((stream, text))
        seen.set()

    # It stops only when what it printed has been seen outside, long before its time is over.
    code = "print('tick')\nimport sys\nprint('tock', file=sys.stderr)\nwhile True: pass"
    result = sandbox.run(code, on_output=on_output, cancelled=seen)
    assert result.outcome is Outcome.CANCELLED
    assert told == [("stdout", "tick\n"), ("stderr", "tock\n")]
    assert (result.stdout, result.stderr) == ("tick\n", "tock\n")


def test_much_output_is_told_once_and_in_order(sandbox: Sandbox) -> None:
    code = "import sys\nfor n in range(5000): sys.stdout.write(f'{n:07}' + 'x' * 992 + '\\n')"
    written = "".join(f"{n:07}{'x' * 992}\n" for n in range(5000))
    for _ in range(5):  # ticks come at other moments each time
        told: list[str] = []
        result = ok(
            sandbox.run(
                code,
                limits=Limits(output_bytes=8 << 20),
                on_output=lambda _, text, told=told: told.append(text),
            )
        )
        # Compared outside of the assertions, which would explain 5 MB of difference.
        equal = (result.stdout == written, "".join(told) == written)
        assert equal == (True, True)


def test_an_error_of_the_listener_is_the_callers(sandbox: Sandbox) -> None:
    def on_output(stream: str, text: str) -> None:
        raise ConnectionResetError(text)

    with pytest.raises(ConnectionResetError, match="tick"):
        sandbox.run("print('tick')\nwhile True: pass", on_output=on_output)
    assert ok(sandbox.run("output = 1")).result == 1


@pytest.mark.parametrize("busy", ["while True: pass", "import time\ntime.sleep(100)"])
def test_an_interrupt_ends_the_run(sandbox: Sandbox, busy: str) -> None:
    def on_output(stream: str, text: str) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sandbox.run(f"print('tick')\n{busy}", on_output=on_output)
    assert ok(sandbox.run("output = 1")).result == 1


def test_tensors_are_copied_into_the_memory_that_is_given(sandbox: Sandbox) -> None:
    given: list[memoryview] = []

    def allocate(nbytes: int) -> memoryview:
        given.append(memoryview(bytearray(nbytes)))
        return given[-1]

    code = "import numpy as np\noutput = np.arange(5, dtype='uint8')"
    result = ok(sandbox.run(code, allocate=allocate))
    assert result.outputs["output"].data is given[0]
    assert bytes(given[0]) == b"\0\1\2\3\4"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Tensor("float64", (2,), b"1234567"), "does not fit 7 bytes"),
        (Tensor("float8", (2,), b"12"), "is none of"),
        (Tensor("int8", (-1,), b""), "negative"),
        (Tensor("float64", (0, 1 << 28), b""), r"inputs\.x\.shape: .* less than 2\^31 bytes"),
        (object(), "has no form outside"),
        (float, "has no form outside"),
    ],
)
def test_inputs_that_cannot_cross_are_refused_before_anything_runs(
    sandbox: Sandbox, value: Any, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        sandbox.run("print(1)", {"x": value})


def test_what_is_no_text_is_named(sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="code: a string, not int"):
        sandbox.run(cast(Any, 7))
    with pytest.raises(InputError, match="stdin: a string, not bytes"):
        sandbox.run("", stdin=cast(Any, b""))


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
