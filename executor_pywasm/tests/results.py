"""What a test expects of a result."""

from __future__ import annotations

from edgemesh_sandbox import Outcome, Result


def ok(result: Result) -> Result:
    assert result.outcome is Outcome.OK, result
    return result


def message(result: Result) -> str:
    assert result.outcome is Outcome.EXCEPTION, result
    assert result.failure is not None
    return f"{result.failure.type}: {result.failure.message}"
