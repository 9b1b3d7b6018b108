"""Every example runs to its end and shows what it says it shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgemesh_sandbox.built import Built
from edgemesh_sandbox.languages import JavaScript
from edgemesh_sandbox.languages.program import make

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOWN = {
    "asynchronous": [r"(\(50, 'and one was late'\)\n){4}"],
    "cancel": [r"CANCELLED after \d+\.\d s: tick \d"],
    "deterministic": ["the same again: True", "and otherwise not: True"],
    "exceptions": [
        r"raised: EXCEPTION.*line 2, in half.*ZeroDivisionError",
        r"grouped: EXCEPTION.*ValueError: a.*KeyError: 'b'",
        r"not Python: EXCEPTION.*SyntaxError",
        r"exit: EXIT",
        r"handled: OK invalid literal",
    ],
    "files": [r"3 items, 4\.05 in all", "No space left on device", "No such file.*etc/passwd"],
    "fuel": [
        r"takes \d,\d{3},\d{3} units",
        r"CPU_LIMIT after step \d{4,}: .*\(fuel 100000000\)",
        "the same again: True",
    ],
    "javascript": [r"3 prices \{'total': 15, 'mean': 5", "TypeError.*program.js:1", "TIMEOUT"],
    "limits": [
        r"run time +TIMEOUT",
        r"asleep +TIMEOUT",
        r"processor time +CPU_LIMIT",
        r"memory +MEMORY_LIMIT",
        r"output +OUTPUT_LIMIT",
        r"files +EXCEPTION.*OSError",
        r"calls +CALL_LIMIT",
        r"recursion +EXCEPTION.*RecursionError",
        r"none +OK.*well",
    ],
    "manager": [r"True I am ann\nTrue I am bob", "False ZeroDivisionError"],
    "modules": [
        "C: 12\n",
        "for too long: TIMEOUT",
        r"Rust: \['be 2', 'to 2'\]",
        r"refused: .*imports env\.abort; offered: ",
        "AssemblyScript: 25",
    ],
    "picture": [r"image/png, \d{4,} bytes"],
    "session": [
        r"before: \(0, 0\)",
        r"after: \(1, 1\)",
        "stopped: TIMEOUT kept: False",
        "fork: 4",
        r"undone: \(1, 1\)",
        "it has: .*'cursor', 'squares'",
    ],
    "snapshot": [r"set up: \d\d MiB\n(1974 in \d+\.\d ms\n){5}"],
    "stdin": [r"Who\? Ada: 6\.5", "EXCEPTION EOFError"],
    "streaming": [r"stdout: step 0\n.*stdout: step 3\n.*stderr: a warning"],
    "table": [r"by_city: DataFrame\n.*Oslo +2026-02 +30\.25", r"Decimal\n119\.00", "cities: set"],
    "web": [
        r"melon: 3\.2\n NOT_GRANTED: example\.org:443 is none of the hosts",
        r"\[\]  NOT_GRANTED: this run was granted no hosts",
    ],
    "tools": [r"one: 0\.35", r"three at once: \[0\.5, 3\.2, 0\.35\]", "no price for 'cake'"],
}


def test_every_example_is_looked_at() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SHOWN)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SHOWN)
def test_example(built_metered: Built, images: Path, name: str) -> None:
    make(images, JavaScript.recipe)
    path = EXAMPLES / f"{name}.py"
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    for pattern in SHOWN[name]:
        assert re.search(pattern, done.stdout, re.DOTALL), f"{pattern}\n{done.stdout}"
    assert len(path.read_text().splitlines()) <= 50
