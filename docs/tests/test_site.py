"""The site: it builds without a warning, leads where it says, and is complete without a network."""

from __future__ import annotations

import asyncio
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest
from blocks import comments
from edgemesh_docs import asked
from mkdocs.commands.build import build
from mkdocs.config import load_config
from running import Running

from edgemesh_local.layout import Layout

ROOT = Layout.here().root
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if ".venv" not in path.parts)
WAYS = {
    "add a model": "howto/model",
    "add a plugin": "howto/plugin",
    "add a tenant": "howto/tenant",
}


class Links(HTMLParser):
    """What a built page leads to, what it loads, and the places in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.to: list[tuple[str, str]] = []
        self.loads: list[str] = []
        self.places: set[str] = set()
        self._link: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.places.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.to.append((given["href"], ""))
            self._link = given["href"]
        elif tag in ("script", "img", "iframe") and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload"):
            self.loads.append(given["href"])

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self.to.append((self._link, data.strip().lower()))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None


@pytest.fixture(scope="module")
def site(running: Running, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning fails the build."""
    folder = tmp_path_factory.mktemp("site")
    mesh = running.mesh
    said = asyncio.run(asked.ask(mesh.address("gateway"), mesh.http("gateway")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asked, "mesh", lambda: said)
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {path: Links(path.read_text()) for path in site.rglob("*.html")}
    dead: list[str] = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links are those of a server's root
            continue
        for href in {href for href, _ in page.to} | set(page.loads):
            target = urllib.parse.urlsplit(href)
            if target.scheme or target.netloc:
                continue
            there = (path.parent / urllib.parse.unquote(target.path)).resolve()
            there = there / "index.html" if there.is_dir() else there
            if not target.path:
                there = path
            known = pages.get(there)
            anchor = urllib.parse.unquote(target.fragment)
            if not there.is_file() or (anchor and known and anchor not in known.places):
                dead.append(f"{path.relative_to(site)}: {href}")
    assert not dead


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        loads = Links(path.read_text()).loads
        assert not [each for each in loads if urllib.parse.urlsplit(each).netloc], path


@pytest.mark.parametrize("question", WAYS)
def test_the_start_page_leads_there_in_one_click(site: Path, question: str) -> None:
    start = Links((site / "index.html").read_text())
    assert (f"{WAYS[question]}/", question) in start.to


def test_the_reference_tells_of_everything(site: Path) -> None:
    text = "".join(path.read_text() for path in (site / "reference").rglob("*.html"))
    for name in (
        "ml.chat",
        "python.run",
        "cpp.fft",
        "EDGEMESH_GATEWAY_EXECUTORS",
        "EDGEMESH_PYWASM_WALLS",
        "ComputeService",
        "OUTCOME_TIMEOUT",
        "edgemesh doctor",
        "POST /api/v1/jobs",
    ):
        assert name in text, name


def test_who_is_said_to_run_a_block_reads_its_page() -> None:
    for page in PAGES:
        for test in [what for kind, what in comments(page) if kind == "run by"]:
            assert page.name in (ROOT / test).read_text(), f"{page.name}: {test}"
