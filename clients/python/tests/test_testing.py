"""The authors' test kit, as an author uses it: a project of its own, whose tests run in a mesh."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HOUSE = Path(__file__).parents[3]
PLUGINS = HOUSE / "executor_cpp" / ".venv" / "edgemesh" / "plugins"

FUNCTIONS = """
import edgemesh_client as em
import pytest

def primes(below):
    return [n for n in range(2, below) if all(n % d for d in range(2, n))]

def greedy(size):
    return len(bytearray(size))

def endless():
    while True:
        pass

def test_it_runs_in_the_sandbox(algorithm):
    assert algorithm(primes, run_time_ms=2_000)(12) == [2, 3, 5, 7, 11]

def test_it_stays_in_its_box(algorithm):
    with pytest.raises(em.LimitPassed) as passed:
        algorithm(greedy, memory_bytes=64 << 20)(1 << 30)
    assert passed.value.result.failure.limit[0] == "memory_bytes"
    with pytest.raises(em.TimeLimit):
        algorithm(endless, run_time_ms=100)()
"""

PLUGIN = """
import edgemesh_client as em
import numpy as np
import pytest

def test_a_plugin_runs_in_the_executors_host(algorithm, edgemesh):
    fft = algorithm("cpp.fft", run_time_ms=5_000)
    result = fft(x=np.arange(8.0), norm="ortho")
    np.testing.assert_allclose(result["y"], np.fft.fft(np.arange(8.0), norm="ortho"))
    assert result.usage.peak_memory_bytes < 1 << 30
    assert {each.executor for each in edgemesh.algorithms()} == {"cpp"}
    with pytest.raises(em.InvalidRequest, match="parameters.norm"):
        fft(x=np.arange(8.0), norm="loud")
"""


@pytest.fixture
def author(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with the kit in its conftest, and nothing of ours in its environment."""
    for name in ("EDGEMESH_ADDRESS", "EDGEMESH_HOUSE"):
        monkeypatch.delenv(name, raising=False)
    pytester.makeconftest('pytest_plugins = ["edgemesh_client.testing"]')
    return pytester


@pytest.mark.needs("pywasm")
def test_functions_in_a_running_mesh(author: pytest.Pytester, address: str) -> None:
    author.makepyfile(FUNCTIONS)
    author.runpytest_inprocess(f"--edgemesh={address}").assert_outcomes(passed=2)


@pytest.mark.needs("cpp")
def test_plugins_in_a_mesh_of_the_tests_own(author: pytest.Pytester) -> None:
    author.makepyfile(PLUGIN)
    author.makeini(f"[pytest]\nedgemesh_plugins = {PLUGINS}\n")
    author.runpytest_inprocess(f"--edgemesh-house={HOUSE}").assert_outcomes(passed=1)


def test_a_mesh_that_does_not_start_says_why(author: pytest.Pytester) -> None:
    author.makepyfile("def test_it(edgemesh): pass")
    result = author.runpytest_inprocess(f"--edgemesh-house={author.path}")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pywasm: there is none in *"])
