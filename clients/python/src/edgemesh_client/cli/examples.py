"""Examples below each command's help, as a person would type them.

Rules: one or two of a command, each a line that runs; they are in `COMMANDS.md`, too.
"""

from __future__ import annotations

from rich.markup import escape


def examples(*lines: str) -> str:
    """An epilog of the lines, in which brackets are no markup."""
    return "\n".join(("Example:", *(escape(f"  {line}") for line in lines)))
