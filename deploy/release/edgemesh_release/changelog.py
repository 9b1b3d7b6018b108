"""The changelog's section of a version.

Rules: a section is a heading of the second level, `## 0.2.0` or `## 0.2.0 (2026-11-29)`, or
`## Unreleased`, which is a development version's.
"""

from __future__ import annotations

import re

from edgemesh_release.failure import ReleaseError

_HEADING = re.compile(r"^## +(\S+).*$", re.MULTILINE)
UNRELEASED = "Unreleased"


def section(changelog: str, version: str) -> str:
    """What the section says, without its heading. Raises ReleaseError."""
    wanted = UNRELEASED if "dev" in version else version
    headings = list(_HEADING.finditer(changelog))
    for at, heading in enumerate(headings):
        if heading[1].strip("[]") == wanted:
            stop = headings[at + 1].start() if at + 1 < len(headings) else len(changelog)
            text = changelog[heading.end() : stop].strip()
            if not text:
                raise ReleaseError(f"CHANGELOG.md: the section {wanted} says nothing")
            return text + "\n"
    there = ", ".join(heading[1] for heading in headings) or "none"
    raise ReleaseError(f"CHANGELOG.md has no section {wanted}; there are {there}")
