# ruff: noqa: E501 - a program a line
"""How a program ends that does not end well, and what may not go in."""

from __future__ import annotations

import signal
from datetime import date
from typing import Any, cast

import pytest
from results import message, ok

from edgemesh_sandbox import InputError, Outcome, Sandbox, Tensor


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


@pytest.mark.parametrize("busy", ["while True: pass", "import time\ntime.sleep(100)"])
def test_an_interrupt_ends_the_run(sandbox: Sandbox, busy: str) -> None:
    def on_output(stream: str, text: str) -> None:
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        sandbox.run(f"print('tick')\n{busy}", on_output=on_output)
    assert ok(sandbox.run("output = 1")).result == 1


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
