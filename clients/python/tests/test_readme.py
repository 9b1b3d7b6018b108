"""The README's examples, run one after the other as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parents[1] / "README.md"
HOUSE = Path(__file__).parents[3] / "README.md"
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_all(page: Path, tmp_path: Path) -> dict[str, Any]:
    """Run all of its examples in one namespace, each from a file, as functions' source is read."""
    space: dict[str, Any] = {"__name__": "readme"}
    examples = _PYTHON.findall(page.read_text())
    assert examples
    for number, example in enumerate(examples):
        file = tmp_path / f"example_{number}.py"
        file.write_text(example)
        exec(compile(example, file, "exec"), space)
    return space


@pytest.mark.needs("cpp", "pywasm")
def test_the_examples_do_what_they_say(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEMESH_ADDRESS", address)
    space = run_all(README, tmp_path)
    space["client"].close()


@pytest.mark.needs("cpp")
def test_the_first_request_of_the_front_page(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDGEMESH_ADDRESS", address)
    run_all(HOUSE, tmp_path)
    assert capsys.readouterr().out == "OK 8\n"
