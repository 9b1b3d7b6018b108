"""The user's source, compiled: what runs, and the expression at its end, whose value counts.

Rules: lines keep their numbers. Most sources are split as text, which costs no syntax tree: the
last line that begins at the margin, if it and what is before it compile by themselves, is the last
statement. Where that fails and a value may be dropped at the end, a tree is made.
"""

from __future__ import annotations

import ast
import dis
import re
from types import CodeType

FILE = "main.py"
"""The name of the user's program in tracebacks."""

_MOST_LINES = 2_000  # looked at from the end
_NO_START = frozenset(" \t\r\f#)]}\\")
_STATEMENT = re.compile(
    r"(?:assert|async|break|class|continue|def|del|elif|else|except|finally|for|from|global|if"
    r"|import|nonlocal|pass|raise|return|try|while|with)\b|@"
    r"|[\w.]+\s*(?::(?!=)|(?:[-+%&|^]|\*\*?|//?|<<|>>|@)?=(?!=))"
)
_POP_TOP = dis.opmap["POP_TOP"]
_DROPPED_AT = -6  # before the two instructions that return None

_compile = compile


def compiled(source: str, file: str = FILE) -> tuple[CodeType | None, CodeType | None]:
    """What to run, and then what to evaluate. Raises what `compile` raises."""
    start = _last_start(source)
    likely = start is not None and not _STATEMENT.match(source, start)
    if start is not None and likely:
        head = source[:start]
        if "__future__" not in head:
            try:
                first = _exec(head, file) if start else None
                return first, _eval("\n" * head.count("\n") + source[start:], file)
            except (SyntaxError, ValueError, MemoryError, RecursionError):
                pass
    whole = _exec(source, file)
    dropped = whole.co_code[_DROPPED_AT : _DROPPED_AT + 1] == bytes((_POP_TOP,))
    if not likely and not dropped:  # where a constant is dropped, nothing is left of it
        return whole, None
    tree = ast.parse(source, file)
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, ast.Expr):
        return whole, None
    del tree.body[-1]
    flags = whole.co_flags & ~0xFFFF  # of `from __future__`
    final = _compile(ast.Expression(last.value), file, "eval", flags, dont_inherit=True)
    return _compile(tree, file, "exec", flags, dont_inherit=True), final


def assigns(program: CodeType | None, name: str) -> bool:
    """Whether a program's own statements bind this global."""
    return (
        program is not None
        and name in program.co_names
        and any(
            at.argval == name and at.opname in ("STORE_NAME", "STORE_GLOBAL")
            for at in dis.get_instructions(program)
        )
    )


def _last_start(source: str) -> int | None:
    """Where the last line begins that can begin a statement."""
    end = len(source.rstrip())
    for _ in range(_MOST_LINES):
        start = source.rfind("\n", 0, end) + 1
        if start < end and source[start] not in _NO_START:
            return start
        if not start:
            return None
        end = start - 1
    return None


def _exec(source: str, file: str) -> CodeType:
    return _compile(source, file, "exec", dont_inherit=True)


def _eval(source: str, file: str) -> CodeType:
    return _compile(source, file, "eval", dont_inherit=True)
