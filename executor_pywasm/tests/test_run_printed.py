"""What a program prints and reads, and who hears of it while it runs."""

from __future__ import annotations

import threading

import pytest
from results import message, ok

from edgemesh_sandbox import Limits, Outcome, Sandbox


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
