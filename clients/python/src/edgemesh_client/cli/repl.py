"""The conversation with a session of Python: what is typed, and what it says.

Rules: on a terminal prompt_toolkit reads, with history and the session's names; otherwise stdin's
lines are read. A piece is what Python's own prompt would take: one statement, or a block up to an
empty line. What fails is said, and the conversation goes on; so does it after Ctrl-C on a terminal,
which stops what runs.
"""

from __future__ import annotations

import codeop
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.python import PythonLexer

from edgemesh_client.cli.app import STATE
from edgemesh_client.cli.output import shown
from edgemesh_client.errors import AlgorithmFailed, EdgemeshError, MeshError
from edgemesh_client.events import Text
from edgemesh_client.result import Result
from edgemesh_client.session import Session

COMMANDS = ("%vars", "%undo", "%reset")
_WORD = re.compile(r"%?[A-Za-z_]\w*$")


def converse(session: Session) -> None:
    """Until there is no more."""
    typed = sys.stdin.isatty() and not STATE.output.as_json
    for code in _typed(session) if typed else _read():
        try:
            _answer(session, code)
        except (AlgorithmFailed, MeshError) as error:
            STATE.output.error(error)
        except KeyboardInterrupt:
            if not typed:
                raise
            STATE.output.note("KeyboardInterrupt")


def _answer(session: Session, code: str) -> None:
    command = code.strip()
    if command == "%vars":
        rows = [(each.name, each.type, each.size_bytes) for each in session.inspect()]
        STATE.output.table(("name", "type", "bytes"), rows)
    elif command == "%undo":
        session.undo()
    elif command == "%reset":
        session.reset()
    elif command.startswith("%"):
        STATE.output.note(f"{command}: there are {', '.join(COMMANDS)}")
    elif command and STATE.output.as_json:
        STATE.output.result(session.run(code, check=False))
    elif command:
        for event in session.stream(code):
            if isinstance(event, Text):
                STATE.output.write(event.text, stderr=event.stderr)
            elif isinstance(event, Result) and event.value is not None:
                STATE.output.line(shown(event.value))


def _read() -> Iterator[str]:
    """Pieces of stdin."""
    lines: list[str] = []
    for line in sys.stdin:
        lines.append(line.rstrip("\n"))
        if complete("\n".join(lines)):
            yield "\n".join(lines)
            lines = []
    if lines:
        yield "\n".join(lines)


def _typed(session: Session) -> Iterator[str]:
    """Pieces of a terminal; Ctrl-C drops what was typed, Ctrl-D ends."""
    prompt: PromptSession[str] = PromptSession(
        ">>> ",
        multiline=True,
        prompt_continuation="... ",
        history=_history(),
        lexer=PygmentsLexer(PythonLexer),
        completer=Names(session),
        complete_while_typing=False,
        key_bindings=_keys(),
    )
    while True:
        try:
            yield prompt.prompt()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return


def _keys() -> KeyBindings:
    """Enter ends a piece that is complete, and otherwise begins its next line."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:  # pyright: ignore[reportUnusedFunction]
        buffer = event.current_buffer
        # A line of the margin alone is an empty one, which ends a block.
        if complete("\n".join(line.rstrip() for line in buffer.text.split("\n"))):
            buffer.validate_and_handle()
        else:
            buffer.newline(copy_margin=True)

    return keys


def _history() -> History:
    """What was typed before; none where no folder can be had for it."""
    state = os.environ.get("XDG_STATE_HOME")
    folder = (Path(state) if state else Path.home() / ".local" / "state") / "edgemesh"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "python_history"
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(file)


class Names(Completer):
    """The names that the session has, and the commands."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        """Those that begin as what is before the cursor."""
        word = _WORD.search(document.text_before_cursor)
        if word is None:
            return
        begun = word[0]
        for name in COMMANDS if begun.startswith("%") else self._names():
            if name.startswith(begun):
                yield Completion(name, -len(begun))

    def _names(self) -> list[str]:
        try:
            return [each.name for each in self._session.inspect()]
        except EdgemeshError:  # nothing has been run in it yet
            return []


def complete(code: str) -> bool:
    """Whether it can be run, or is wrong: then the sandbox says what is."""
    if code.startswith("%"):
        return True
    try:
        return codeop.compile_command(code, symbol="single") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True
