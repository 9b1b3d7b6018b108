# ruff: noqa: F821 - `guest_modules` stands before it, and `inputs` is there
"""Runs in the guest: one module of tests by `unittest`, each test told as it goes.

Rules: a record is written before a test and after it, so that the host knows which of them an
interpreter died in; `inputs["done"]` are those to leave out this time. Records go around
`sys.stdout`, which tests replace.
"""
# pyright: basic, reportUndefinedVariable=false

from __future__ import annotations

import json
import sys
import time
import traceback
import unittest
from typing import Any

_stdout = sys.stdout
_MOST_TEXT = 1500


def tell(*fields: Any) -> None:
    """Write one record."""
    _stdout.write("\n\x1e" + json.dumps(fields) + "\n")


def shortened(text: str) -> str:
    """The end of a long text, where what matters of a traceback is."""
    return text if len(text) <= _MOST_TEXT else "…" + text[-_MOST_TEXT:]


class Teller(unittest.TestResult):
    """Tells of each test once: subtests that fail make their test fail."""

    began = 0.0
    worst: tuple[str, str] | None = None

    def startTest(self, test: Any) -> None:  # noqa: N802
        self.began, self.worst = time.perf_counter(), None
        tell("start", test.id())

    def stopTest(self, test: Any) -> None:  # noqa: N802
        kind, text = self.worst or ("passed", "")
        tell("end", test.id(), kind, shortened(text), round(time.perf_counter() - self.began, 4))

    def _told(self, error: Any, test: Any) -> str:
        return shortened(self._exc_info_to_string(error, test))  # type: ignore[attr-defined]

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        if isinstance(test, unittest.TestCase):
            self._note("error", self._told(err, test))
        else:  # a fixture of a class or module
            tell("fixture", test.id(), self._told(err, test))

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self._note("failed", self._told(err, test))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            self._note("failed" if failed else "error", self._told(err, test))

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        if isinstance(test, unittest.TestCase):
            self._note("skipped", reason)
        else:
            tell("fixture-skip", test.id(), reason)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self._note("failed", "an unexpected success")

    def _note(self, kind: str, text: str) -> None:
        if self.worst is None or self.worst[0] == "skipped":
            self.worst = (kind, text)


def tests_of(suite: Any) -> list[Any]:
    """The suite's tests, in order."""
    if isinstance(suite, unittest.TestSuite):
        return [test for part in suite for test in tests_of(part)]
    return [suite]


def run_module(name: str, done: set[str]) -> None:
    """Run the tests of the module `name` but those done."""
    try:
        suite = unittest.defaultTestLoader.loadTestsFromName(name)
    except unittest.SkipTest as skip:
        tell("no-module", "skipped", str(skip))
        return
    except BaseException as error:
        tell("no-module", "error", shortened("".join(traceback.format_exception(error))))
        return
    tests = tests_of(suite)
    tell("found", len(tests))
    unittest.TestSuite(t for t in tests if t.id() not in done).run(Teller())
    tell("finished")


def prepare() -> None:
    """Let tests run that this Python could pass, though they were written for another place."""
    import asyncio

    import test.support

    # asyncio is to be tested: its loop here needs no socket. Older helpers ask for a watcher of
    # child processes, which 3.14 has removed, and are content when there is none.
    test.support.has_socket_support = True
    setattr(asyncio.DefaultEventLoopPolicy, "get_child_watcher", _no_watcher)  # noqa: B010


def _no_watcher(policy: Any) -> None:
    raise NotImplementedError


give_modules()
prepare()
run_module(inputs["module"], set(inputs["done"]))  # type: ignore[name-defined]
