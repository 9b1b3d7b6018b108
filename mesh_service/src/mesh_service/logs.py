"""Structured logs on stderr: readable on a terminal, JSON otherwise.

Rules: an event is a short constant name plus fields; a field never holds a payload or a secret.
RPC lines are buffered for at most FLUSH_S, since a write per call costs more than the call's own
bookkeeping; anything from WARNING upwards is written at once.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import MemoryHandler
from typing import Any

FLUSH_S = 0.2
CAPACITY = 512
_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}

logger = logging.getLogger("edgemesh")
# What no line of ours shows costs nothing.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
_encode = json.JSONEncoder(default=str, separators=(",", ":")).encode


def event(name: str, /, *, level: int = logging.INFO, exc_info: Any = None, **fields: Any) -> None:
    """Log an event with fields."""
    if logger.isEnabledFor(level):
        if isinstance(exc_info, BaseException):
            exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
        # Made here, since `logger.log` would look for the caller's line, which nobody prints.
        record = logging.LogRecord(logger.name, level, "", 0, name, (), exc_info)
        record.__dict__["fields"] = fields
        logger.handle(record)


def past_event(name: str, created: float, fields: Mapping[str, Any]) -> None:
    """Log an event of a moment that has passed, in Unix time."""
    if logger.isEnabledFor(logging.INFO):
        record = logging.LogRecord(logger.name, logging.INFO, "", 0, name, (), None)
        record.created, record.msecs = created, created % 1 * 1e3
        record.__dict__["fields"] = fields
        logger.handle(record)


class _Text(logging.Formatter):
    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        fields = " ".join(f"{k}={_plain(v)}" for k, v in _fields(record).items())
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        line = f"{clock}.{int(record.msecs):03d} {level}{record.getMessage()} {fields}".rstrip()
        if self._colour and record.levelname in _COLOURS:
            line = f"{_COLOURS[record.levelname]}{line}\x1b[0m"
        return line + (f"\n{self.formatException(record.exc_info)}" if record.exc_info else "")


class _Json(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service
        self._last = 0, ""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": f"{self._second(int(record.created))}.{int(record.msecs):03d}+00:00",
            "level": record.levelname,
            "service": self._service,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return _encode(entry)

    def _second(self, second: int) -> str:
        if second != self._last[0]:
            self._last = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._last[1]


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = getattr(record, "fields", {})
    return fields


def _plain(value: Any) -> str:
    text = str(value)
    return json.dumps(text) if not text or any(c.isspace() or c == '"' for c in text) else text


def configure(service: str, log_format: str, level: str) -> MemoryHandler:
    """Set up the process's logs once; gives the buffer, which its owner flushes every FLUSH_S."""
    stream = logging.StreamHandler(sys.stderr)
    terminal = sys.stderr.isatty()
    if log_format == "text" or (log_format == "auto" and terminal):
        stream.setFormatter(_Text(colour=terminal))
    else:
        stream.setFormatter(_Json(service))
    buffer = MemoryHandler(CAPACITY, flushLevel=logging.WARNING, target=stream)
    logging.captureWarnings(True)
    root = logging.getLogger()
    root.handlers[:] = [buffer]
    root.setLevel(logging.WARNING)
    logger.setLevel(level)
    return buffer
