"""Pages of the site that lie elsewhere in the house, and links that lead out of `docs/`.

Rules: a text has one place. A README is on the site as it is; a file that a page links to and that
is no page is on the site as that file; of a link to a folder without a README the text stays.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

BROUGHT: Mapping[str, str] = {
    "ARCHITECTURE.md": "parts/architecture.md",
    "CHANGELOG.md": "parts/changelog.md",
    "CONTRIBUTING.md": "parts/contributing.md",
    "LIMITATIONS.md": "parts/limitations.md",
    "README.md": "parts/front.md",
    "SECURITY.md": "parts/security_policy.md",
    "clients/go/README.md": "parts/go_client.md",
    "clients/python/COMMANDS.md": "reference/command.md",
    "clients/python/README.md": "parts/python_client.md",
    "clients/ts/README.md": "parts/ts_client.md",
    "cpp_plugins/ALGORITHMS.md": "reference/algorithms/cpp.md",
    "cpp_plugins/README.md": "parts/cpp_plugins.md",
    "dashboard/README.md": "parts/dashboard.md",
    "deploy/containers/README.md": "parts/containers.md",
    "deploy/docker/README.md": "parts/docker.md",
    "executor_cpp/README.md": "parts/executor_cpp.md",
    "executor_ml/README.md": "parts/executor_ml.md",
    "executor_pywasm/README.md": "parts/executor_pywasm.md",
    "executor_pywasm/kernel/README.md": "parts/kernel.md",
    "executor_pywasm/sandbox/README.md": "parts/sandbox.md",
    "gateway/README.md": "parts/gateway.md",
}
"""From the checkout's files to pages; those that are not there are left out."""
FILES = "files"
"""The folder of what is linked to and is no page."""
_LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\[\]]*\])*\])\(([^()\s]+)\)")
_FENCE = re.compile(r"^(?: *)(```|~~~).*?^(?: *)\1 *$", re.MULTILINE | re.DOTALL)


class House:
    """The checkout, and what of it the site has."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.pages = {place: page for place, page in BROUGHT.items() if (root / place).is_file()}
        """Files of the checkout, and the pages that they are."""
        self._sources = {page: place for place, page in self.pages.items()}

    def text(self, place: str) -> str:
        """What a file of the checkout says."""
        return (self._root / place).read_text()

    def files(self, page: str, text: str) -> Iterator[tuple[str, str]]:
        """Files of the checkout that a page links to and that are no pages, and their places."""
        for _, target in _links(text):
            place = self._place(page, target)
            if place and not self._page(place) and (self._root / place).is_file():
                yield place, f"{FILES}/{place}"

    def relinked(self, page: str, text: str) -> str:
        """The page's text with its links to where things are on the site."""

        def again(found: re.Match[str]) -> str:
            label, target = found.groups()
            place = self._place(page, target)
            own = page not in self._sources and not page.startswith(f"{FILES}/")
            if not place or (own and _docs(place) is not None):
                return found.group()
            there = self._page(place)
            if there is None and (self._root / place).is_file():
                there = f"{FILES}/{place}"
            if there is None:
                return label[1:-1]
            anchor = target.partition("#")[2]
            way = posixpath.relpath(there, posixpath.dirname(page) or ".")
            return f"{label}({way}{'#' if anchor else ''}{anchor})"

        return _outside_code(text, again)

    def _place(self, page: str, target: str) -> str:
        """Where in the checkout a link leads; empty: nowhere there."""
        path = target.partition("#")[0]
        if not path or "://" in target or target.startswith(("/", "mailto:")):
            return ""
        source = self._sources.get(page, f"docs/{page}")
        if page.startswith(f"{FILES}/"):
            source = page.removeprefix(f"{FILES}/")
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        return place if (self._root / place).exists() else ""

    def _page(self, place: str) -> str | None:
        """The page that a file, or a folder's README, is."""
        if (self._root / place).is_dir():
            place = posixpath.join(place, "README.md")
        if place in self.pages:
            return self.pages[place]
        return _docs(place)


def _docs(place: str) -> str | None:
    inside = os.path.relpath(place, "docs")
    return None if inside.startswith("..") else inside


def _links(text: str) -> Iterator[tuple[str, str]]:
    """Labels and targets of the links of a text."""
    found: list[tuple[str, str]] = []

    def take(link: re.Match[str]) -> str:
        found.append((link.group(1), link.group(2)))
        return link.group()

    _outside_code(text, take)
    yield from found


def _outside_code(text: str, again: Callable[[re.Match[str]], str]) -> str:
    """The text, each link outside of code blocks as `again` makes it."""
    parts: list[str] = []
    at = 0
    for fence in _FENCE.finditer(text):
        parts += [_LINK.sub(again, text[at : fence.start()]), fence.group()]
        at = fence.end()
    return "".join([*parts, _LINK.sub(again, text[at:])])
