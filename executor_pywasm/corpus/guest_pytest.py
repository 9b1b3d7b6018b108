# ruff: noqa: F821 - `guest_modules` stands before it, and `inputs` is there
"""Runs in the guest: one module of tests by pytest, each test told as it goes.

Rules: as in `guest_unittest`. The package under test is the guest's own; the folder of its tests
is added to it.
"""
# pyright: basic, reportUndefinedVariable=false, reportMissingImports=false

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

_stdout = sys.stdout
_MOST_TEXT = 1500


def tell(*fields: Any) -> None:
    """Write one record."""
    _stdout.write("\n\x1e" + json.dumps(fields) + "\n")


class Teller:
    """A plugin of pytest's that tells of each test once."""

    def __init__(self, done: set[str]) -> None:
        self.done = done
        self.began, self.worst = 0.0, ("passed", "")

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [item for item in items if item.nodeid not in self.done]
        tell("found", len(items))

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            tell("no-module", "error", report.longreprtext[-_MOST_TEXT:])
        elif report.skipped:
            tell("no-module", "skipped", str(report.longrepr[-1]))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.began, self.worst = time.perf_counter(), ("passed", "")
        tell("start", nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            kind = "failed" if report.when == "call" else "error"
            self.worst = (kind, report.longreprtext[-_MOST_TEXT:])
        elif report.skipped:
            text = report.wasxfail if hasattr(report, "wasxfail") else report.longrepr[-1]
            self.worst = ("skipped", str(text)[:300])

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        tell("end", nodeid, *self.worst, round(time.perf_counter() - self.began, 4))


def run_module(name: str, done: set[str]) -> None:
    """Run the tests of the module `name` but those done."""
    import pytest

    parts = name.split(".")
    for at in range(1, parts.index("tests") + 1):
        package = importlib.import_module(".".join(parts[:at]))
        package.__path__.append("/".join(("/tmp/modules", *parts[:at])))
    path = "/".join(("/tmp/modules", *parts)) + ".py"
    quiet = ["-q", "-s", "--assert=plain", "--tb=short", "-p", "no:cacheprovider"]
    quiet += ["-p", "no:faulthandler", "-p", "no:hypothesispytest", "-W", "ignore"]
    code = pytest.main([*quiet, "--rootdir=/tmp/modules", path], plugins=[Teller(done)])
    if code not in (0, 1, 2, 5):  # all else but tests that passed, failed, or were none
        tell("no-module", "error", f"pytest ended with {code}")
    tell("finished")


give_modules()
run_module(inputs["module"], set(inputs["done"]))  # type: ignore[name-defined]
