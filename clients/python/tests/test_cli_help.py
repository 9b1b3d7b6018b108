"""What a new user reads: help, examples, completion, and the page that is made of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.text import Text
from terminal import edgemesh

from edgemesh_client.cli import app as command
from edgemesh_client.cli import reference
from edgemesh_client.cli.documents import DOCUMENTS

PAGE = Path(__file__).parents[1] / "COMMANDS.md"


def commands(group: Any = None, *above: str) -> Iterator[tuple[str, Any]]:
    """All that help shows, by their words."""
    group = group or typer.main.get_command(command.app)
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from commands(each, *above, name)
        elif not each.hidden:
            yield " ".join((*above, name)), each


COMMANDS = dict(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_it_does_and_shows_it(name: str) -> None:
    each = COMMANDS[name]
    assert each.help
    first = each.help.split("\n")[0]
    assert first.endswith(".")
    assert len(first) <= 100
    assert all(getattr(parameter, "help", None) for parameter in each.params), name
    lines = Text.from_markup(each.epilog or "").plain.splitlines()
    assert lines[0] == "Example:"
    assert any(f" {name}" in line for line in lines[1:])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_document(name: str) -> None:
    assert name in DOCUMENTS


def test_each_document_is_of_a_command() -> None:
    unknown = [
        words
        for words in DOCUMENTS
        if not any(words == name or words.startswith(f"{name} ") for name in COMMANDS)
    ]
    assert not unknown


def test_the_page_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == reference.page(), (
        "make it anew: python -m edgemesh_client.cli.reference COMMANDS.md"
    )


async def test_help_fits_a_screen_and_ends_well() -> None:
    said = await edgemesh("127.0.0.1:1", "run", "--help")
    assert said.code == 0
    assert "edgemesh run cpp.fft --input x=[0,1,0,-1] --out y=@y.npy" in said.out
    assert said.out.count("\n") < 50
    said = await edgemesh("127.0.0.1:1", "--help")
    assert "Exit codes: 0 done, 1 the work failed" in said.out


async def completed(address: str, *words: str) -> list[str]:
    """What bash would be offered for the last of the words."""
    env = {
        "_EDGEMESH_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("edgemesh", *words)),
        "COMP_CWORD": str(len(words)),
    }
    return (await edgemesh(address, env=env)).out.split()


async def test_the_shell_completes_commands() -> None:
    assert await completed("127.0.0.1:1", "alg") == ["algorithms"]
    assert await completed("127.0.0.1:1", "jobs", "c") == ["cancel"]
    assert await completed("127.0.0.1:1", "run", "cpp.f") == []  # no mesh, and no word of it


@pytest.mark.needs("cpp")
async def test_the_shell_completes_what_the_mesh_has(address: str) -> None:
    assert "cpp.fft" in await completed(address, "run", "cpp.ff")
    assert await completed(address, "jobs", "show", "no-such-") == []


async def test_a_script_for_the_shell_is_shown() -> None:
    said = await edgemesh("127.0.0.1:1", env={"_EDGEMESH_COMPLETE": "source_bash"})
    assert "_EDGEMESH_COMPLETE=complete_bash" in said.out
