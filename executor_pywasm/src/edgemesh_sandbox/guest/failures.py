"""How a program failed: type, message, notes, members of a group, and a traceback in words.

Rules: formatting runs the user's code (`__str__`, `__repr__`), so nothing it raises may escape,
and all text is bounded, in length, number and depth. Frames of this runtime are cut off.
"""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Any

MOST_MESSAGE = 8_192
MOST_TRACEBACK = 65_536
MOST_NOTES, MOST_NOTE = 16, 1_024
MOST_MEMBERS, MOST_DEPTH = 32, 4
"""Exceptions of a group in all, groups within groups included."""
_MEMBER_MESSAGE = 512
_MOST_FRAMES = 64
_HINT = ". Site initialization is disabled"
"""How advice begins that nobody can follow here: to add a folder to `sys.path`."""
_OURS = "<_edgemesh"
"""How the names of this package's files begin, in the guest."""

_members: Any = vars(BaseExceptionGroup)["exceptions"]


def describe(error: BaseException, frames: TracebackType | None) -> dict[str, Any]:
    """The failure as a JSON object; `frames` begins at the user's outermost frame."""
    return {
        **_plain(error, MOST_MESSAGE),
        **_group(error, [MOST_MEMBERS], MOST_DEPTH),
        "traceback": _bounded(_traceback(error, frames), MOST_TRACEBACK),
        "memory": isinstance(error, MemoryError) and not _too_complex(error),
    }


def _plain(error: BaseException, most: int) -> dict[str, Any]:
    failure: dict[str, Any] = {
        "type": _bounded(_type_name(type(error)), 256),
        "message": _bounded(_message(error), most),
    }
    notes = _notes(error)
    return failure | {"notes": notes} if notes else failure


def _group(error: BaseException, left: list[int], depth: int) -> dict[str, Any]:
    """The members of a group, as many as are `left`, to a depth."""
    if not isinstance(error, BaseExceptionGroup) or not depth:
        return {}
    members: list[dict[str, Any]] = []
    for member in _members.__get__(error):
        if not left[0]:
            break
        left[0] -= 1
        members.append(_plain(member, _MEMBER_MESSAGE) | _group(member, left, depth - 1))
    return {"exceptions": members}


def _notes(error: BaseException) -> list[str]:
    try:
        notes: Any = error.__notes__
        if type(notes) not in (list, tuple):
            return []
        return [_bounded(str(note), MOST_NOTE) for note in notes[:MOST_NOTES]]
    except BaseException:  # none, or the user's own
        return []


def _too_complex(error: MemoryError) -> bool:
    """Whether it is what CPython's parser raises for source that nests too deeply."""
    return _message(error).startswith("Parser stack overflowed")


def _type_name(kind: type[BaseException]) -> str:
    try:
        module, name = kind.__module__, kind.__qualname__
        return str(name if module in ("builtins", "__main__") else f"{module}.{name}")
    except BaseException:  # a metaclass of the user's
        return "Exception"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:
        return f"<its __str__ raised {_type_name(type(second))}>"


def _traceback(error: BaseException, frames: TracebackType | None) -> str:
    if type(error).__name__ in ("OutputError", "InputError"):
        return ""
    try:
        report = traceback.TracebackException(
            type(error), error, frames, limit=-_MOST_FRAMES, compact=True
        )
        _cut(report, set())
        return "".join(report.format())
    except BaseException as second:
        return f"<the traceback could not be made: {_type_name(type(second))}>\n"


def _cut(report: traceback.TracebackException | None, seen: set[int]) -> None:
    """Take this runtime's frames out of a report and of those that it was caused by."""
    if report is None or id(report) in seen:
        return
    seen.add(id(report))
    report.stack[:] = [f for f in report.stack if not f.filename.startswith(_OURS)]
    if isinstance(getattr(report, "_str", None), str):
        report._str = report._str.partition(_HINT)[0]  # type: ignore[attr-defined]
    for other in (report.__cause__, report.__context__, *(report.exceptions or ())):
        _cut(other, seen)


def _bounded(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n… {len(text) - most} characters …\n{text[-half:]}"
