"""Lines that begin with %: what is asked of the session, not of Python.

%reset       begin anew
%undo [n]    be as before the last n cells (1)
%who         the session's variables
"""

from __future__ import annotations

from edgemesh_kernel.notebook import Notebook
from edgemesh_sandbox import SessionError


class UnknownMagic(Exception):
    """There is no such line, or it does not take that."""


def is_magic(code: str) -> bool:
    """Whether a cell is such a line."""
    return code.lstrip().startswith("%") and "\n" not in code.strip()


def run(notebook: Notebook, code: str) -> str:
    """Do it; what there is to say. Raises UnknownMagic."""
    name, *words = code.split()
    if name == "%reset" and not words:
        notebook.reset()
        return "the session begins anew\n"
    if name == "%undo" and len(words) <= 1 and all(word.isdecimal() for word in words):
        count = int(words[0]) if words else 1
        try:
            notebook.undo(count)
        except SessionError as error:
            raise UnknownMagic(str(error)) from None
        return f"the session is as it was before the last {count} cell{'s' * (count != 1)}\n"
    if name == "%who" and not words:
        names = notebook.names()
        width = max(map(len, names), default=0)
        return "".join(f"{name:<{width}}  {kind}\n" for name, kind in names.items())
    raise UnknownMagic(f"{code.strip()!r}: there are %reset, %undo [n] and %who")
