"""Services that are set up so badly that they say so, for the tests of all of them.

Rules: real processes, which see no setting of the tests' own and are not measured, since another
user writes nothing of ours; what they are to say is what docs/setups.md lists.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "setups.md"
ANOTHER = 65532
"""The user that containers run as."""
START_S = 100
"""For a process to say why it does not start, on a busy machine."""
_OURS = ("EDGEMESH_", "COVERAGE_")


def lines(*whose: str) -> dict[str, str]:
    """Of docs/setups.md: what is wrong → the line, for these services."""
    found: dict[str, str] = {}
    for row in PAGE.read_text().split("## Lines")[1].split("\n## ")[0].splitlines():
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        code = re.fullmatch(r"(`+)(.*?) ?\1", cells[-1])
        if code is not None and set(whose) & set(cells[1].split(", ")):
            found[cells[0]] = code[2]
    return found


def says(line: str, said: str) -> bool:
    """Whether `said` is a line of the page's."""
    parts = re.split(r"<[^>]*>", line)
    return re.fullmatch(".*".join(map(re.escape, parts)), said) is not None


def as_another(imports: str, run: str) -> tuple[str, str]:
    """Arguments of Python that import this as root, and run that as ANOTHER.

    What is imported later could not be read any more by the other user.
    """
    become = f"os.setgroups([]); os.setresgid(*[{ANOTHER}] * 3); os.setresuid(*[{ANOTHER}] * 3)"
    return ("-c", f"import os, ssl, sys, tempfile; {imports}; {become}; {run}")


def spawn(words: Sequence[str], env: Mapping[str, str], mount: str = "") -> subprocess.Popen[str]:
    """A Python with these arguments; a variable that is empty is not set.

    `mount`: a command of a shell, before it and in a view of the file system of its own. Skips the
    test where the words, or the command, are root's and this is not root.
    """
    if (mount or words[0] == "-c") and os.geteuid() != 0:
        pytest.skip("only root becomes another user, and mounts")
    command = [sys.executable, *words]
    if mount:
        if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
            pytest.skip("nothing may be mounted here")
        command = ["unshare", "-m", "sh", "-ec", f'{mount}; exec "$@"', "sh", *command]
    given = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    given |= {"EDGEMESH_LOG_FORMAT": "json", **env}
    return subprocess.Popen(
        command,
        env={name: value for name, value in given.items() if value},
        cwd="/proc",  # where nobody writes
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refusal(process: subprocess.Popen[str]) -> str:
    """The one line that it ends with."""
    try:
        out, err = process.communicate(timeout=START_S)
    finally:
        process.kill()
    assert process.returncode == 2, err
    assert out == ""
    assert "Traceback" not in err
    (line,) = [each for each in err.splitlines() if not each.startswith("{")]
    return line
