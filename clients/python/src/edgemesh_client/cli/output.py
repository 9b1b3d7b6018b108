"""What the command line says: tables on a terminal, JSON with --json.

Rules: what was asked for goes to stdout, all else to stderr. JSON is one document a line, of those
that `documents` lists: arrays are nested lists, complex numbers pairs, bytes base64, times
ISO 8601, NaN and infinities text. Progress is shown on a terminal only.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import enum
import io
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO, cast

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

from edgemesh_client.cli.shapes import ErrorShape, Failed, OutputShape, ResultShape
from edgemesh_client.errors import EdgemeshError, MeshError
from edgemesh_client.result import Result
from edgemesh_client.values import Blob, Encoder

_MOST_SHOWN = 2000
_WIDE = 10_000


class Output:
    """Where to, and in which form."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # what it cannot say is said by its number
                stream.reconfigure(errors="backslashreplace")
        self._out = Console(highlight=False, soft_wrap=True)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        if not self._out.is_terminal:  # who reads a pipe wants a row to be a line
            self._out.width = _WIDE

    def json(self, value: Any) -> None:
        """One JSON document."""
        sys.stdout.write(_document(plain(value), sys.stdout) + "\n")

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """A table."""
        if not self._out.is_terminal:  # a row is a line
            rows = ([shown(cell).replace("\n", " ") for cell in row] for row in rows)
        self._out.print(table_of(columns, rows), soft_wrap=False)

    def line(self, text: str, style: str = "") -> None:
        """A line of what was asked for."""
        self._out.print(Text(text, style=style))

    def write(self, text: str, *, stderr: bool = False) -> None:
        """Text as a program printed it."""
        stream = sys.stderr if stderr else sys.stdout
        stream.write(text)
        stream.flush()

    def note(self, text: str) -> None:
        """A line beside what was asked for."""
        self._err.print(Text(text))

    def error(self, error: EdgemeshError) -> None:
        """What went wrong."""
        if self.as_json:
            told = plain(Failed(_told(error)))
            sys.stderr.write(_document(told, sys.stderr) + "\n")
        else:
            self._err.print(Text(f"error: {error}", style="red"))

    @property
    def live(self) -> bool:
        """Whether somebody sees what changes: stdout is a terminal, and JSON was not asked for."""
        return self._out.is_terminal and not self.as_json

    def screen(self) -> Live:
        """A part of the terminal that can be drawn anew."""
        return Live(console=self._out, auto_refresh=False, transient=False)

    def progress(self) -> Progress:
        """A bar for long work, on stderr; it shows nothing where nobody sees it change."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
            disable=self.as_json or not self._err.is_terminal,
        )

    def result(self, result: Result, *, printed: bool = False) -> None:
        """What came of work; `printed`: its text was shown while it ran."""
        if self.as_json:
            self.json(result_shape(result))
            return
        if not printed:
            self.write(result.stdout)
            self.write(result.stderr, stderr=True)
        if result.ok and result.value is not None:
            self.line(shown(result.value))


def _document(value: Any, stream: TextIO) -> str:
    unicode = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return json.dumps(value, allow_nan=False, ensure_ascii=not unicode)


def table_of(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table, to be shown."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    return table


def result_shape(result: Result) -> ResultShape:
    """The document of a result."""
    return ResultShape(
        outcome=result.outcome.value,
        algorithm=result.algorithm,
        request_id=result.request_id,
        value=result.value,
        outputs={name: _described(each) for name, each in result.outputs.items()},
        stdout=result.stdout,
        stderr=result.stderr,
        failure=result.failure,
        usage=result.usage,
    )


def _described(output: Any) -> OutputShape:
    if isinstance(output, bytes):
        media = output.media_type if isinstance(output, Blob) else ""
        return OutputShape("bytes", (len(output),), media)
    return OutputShape(output.dtype.name, tuple(output.shape), "")


def _told(error: EdgemeshError) -> ErrorShape:
    name = type(error).__name__
    if not isinstance(error, MeshError):
        return ErrorShape(name, str(error))
    return ErrorShape(
        name,
        error.message,
        error.code,
        error.reason,
        error.fields,
        error.metadata,
        error.retry_after_s,
    )


def shown(value: Any) -> str:
    """A value for a person."""
    if isinstance(value, str):
        return value
    if isinstance(value, Blob):
        return f"{value.media_type}, {len(value):,} bytes"
    if isinstance(value, dt.datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, (tuple, list)) and all(isinstance(each, str) for each in value):
        return ", ".join(cast(Sequence[str], value))
    if value is None:
        return ""
    text = repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} …"


def plain(value: Any) -> Any:
    """A value as the documented JSON."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(cast(Any, value).tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        items = cast(Mapping[Any, Any], value).items()
        return {str(key): plain(item) for key, item in items}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in cast(Iterable[Any], value)]
    try:
        return Encoder().encode(value, "value")
    except EdgemeshError:
        return repr(value)
