"""The blocks of docs/deploy.md that a test runs, as they stand."""

from __future__ import annotations

import re
import textwrap

from mesh import ROOT

PAGE = ROOT / "docs" / "deploy.md"
STRICT = "set -euo pipefail\n"
"""A block ends at its first command that fails, as in the tests of the other pages."""


def block(test: str, begin: str) -> str:
    """The one that begins so, of those that the page says this test runs. Raises LookupError."""
    found = re.findall(
        rf"^( *)<!-- run by: {re.escape(test)} -->\n\1```(?:sh|yaml)\n(.*?)^\1```",
        PAGE.read_text(),
        re.DOTALL | re.MULTILINE,
    )
    for _, each in found:
        if (source := textwrap.dedent(each)).startswith(begin):
            return source
    raise LookupError(begin)
