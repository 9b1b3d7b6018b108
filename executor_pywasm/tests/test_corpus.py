"""A sample of CPython's own tests, run in the sandbox: what fails is known, and why.

Rules: the rest is run by `make corpus`. A failure that neither `corpus/reasons.toml` nor
`corpus/older.txt` explains is a regression, or a finding.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from corpus import cpython
from corpus.reasons import BadReasons, Reasons
from corpus.record import DIED, PASSED, SKIPPED, Test
from corpus.running import run_module
from corpus.suite import Task, run_here
from edgemesh_sandbox import Sandbox

LEAST_RUN = 4_000


@pytest.fixture(scope="module")
def tests() -> Path:
    try:
        return cpython.folder()
    except cpython.NotInstalled as missing:
        if "CI" in os.environ:
            raise
        pytest.skip(str(missing))


@pytest.mark.timeout(600)
def test_the_sample_fails_only_for_known_reasons(sandbox: Sandbox, tests: Path) -> None:
    reasons, ran, unexplained = Reasons(), 0, list[str]()
    for name in cpython.modules(tests, cpython.SAMPLE):
        found = run_here(sandbox, Task(name, "unittest", partial(cpython.packed, tests)))
        assert found.complete, name
        ran += found.run
        unexplained += [f"{t.id}\n{t.text}" for t in found.bad if not reasons.verdict(t)]
    assert not unexplained, "\n\n".join(unexplained)
    assert ran > LEAST_RUN


PROGRAM = """
import json
def tell(*fields): print("\\x1e" + json.dumps(fields))
kinds = {"a": "passed", "b": "dies", "c": "skipped", "d": "exits", "e": "passed"}
for name, kind in kinds.items():
    if name in inputs["done"]: continue
    tell("start", name)
    if kind == "dies": import os; os.abort()
    if kind == "exits": import os; os._exit(3)
    print("noise", flush=True)
    tell("end", name, kind, "", 0.0)
tell("finished")
"""


def test_a_test_that_ends_the_interpreter_fails_and_the_others_run(sandbox: Sandbox) -> None:
    found = run_module(sandbox, PROGRAM, "module", b"")
    kinds = {test.id: test.kind for test in found.tests}
    assert kinds == {"a": PASSED, "b": DIED, "c": SKIPPED, "d": DIED, "e": PASSED}
    assert (found.run, len(found.bad), found.complete) == (4, 2, True)


def test_a_program_that_never_gets_to_its_tests_fails(sandbox: Sandbox) -> None:
    found = run_module(sandbox, "1 / 0", "module", b"")
    assert [(t.kind, "ZeroDivisionError" in t.text) for t in found.bad] == [(DIED, True)]


def test_reasons_are_found_by_pattern_and_by_words(tmp_path: Path) -> None:
    path = tmp_path / "reasons.toml"
    path.write_text('[[reason]]\nkind = "bits"\nwhy = "w"\ntests = ["a.*"]\nsays = "32"\n')
    (tmp_path / "older.txt").write_text("# comment\nb.x\n")
    reasons = Reasons(path)
    verdicts = [reasons.verdict(Test(i, "failed", "of 32 bits")) for i in ("a.b", "b.x", "c")]
    assert [v and v.kind for v in verdicts] == ["bits", "older", None]
    assert reasons.verdict(Test("a.b", "failed", "otherwise")) is None
    path.write_text('[[reason]]\nkind = "luck"\nwhy = "w"\n')
    with pytest.raises(BadReasons, match="luck"):
        Reasons(path)
