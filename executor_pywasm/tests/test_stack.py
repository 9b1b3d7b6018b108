"""A guest may nest as deep as its stack, on any thread, and never takes the process with it."""

from __future__ import annotations

import threading

import pytest

from edgemesh_sandbox import Outcome, Result, Sandbox
from edgemesh_sandbox.stack import deep_thread, on_deep_stack

DEEP = """
import sys
sys.setrecursionlimit(10**9)
class C:
    def __repr__(self):
        return repr(self)
repr(C())
"""


def on_thread(thread_of: object, sandbox: Sandbox, code: str) -> Result:
    results: list[Result] = []
    make = deep_thread if thread_of == "deep" else lambda t: threading.Thread(target=t)
    before = threading.stack_size(256 << 10 if thread_of == "shallow" else 0)
    try:
        thread = make(lambda: results.append(sandbox.run(code)))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    return results[0]


@pytest.mark.parametrize("thread_of", ["default", "deep", "shallow"])
def test_calls_nested_too_deep_are_trapped(sandbox: Sandbox, thread_of: str) -> None:
    result = on_thread(thread_of, sandbox, DEEP)
    assert result.outcome in (Outcome.CRASH, Outcome.EXCEPTION, Outcome.MEMORY_LIMIT), result
    assert on_thread(thread_of, sandbox, "output = 1").result == 1


def test_on_the_main_thread_too(sandbox: Sandbox) -> None:
    result = sandbox.run(DEEP)
    assert result.outcome is not Outcome.OK
    assert result.failure is not None
    assert sandbox.run("output = 1").result == 1


def test_errors_come_back_from_the_other_thread() -> None:
    caught: list[BaseException] = []

    def body() -> None:
        try:
            on_deep_stack(lambda: 1 // 0)
        except ZeroDivisionError as error:
            caught.append(error)

    threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=body)
        thread.start()
    finally:
        threading.stack_size(0)
    thread.join()
    assert len(caught) == 1
