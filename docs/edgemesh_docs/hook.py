"""What MkDocs is told of when it builds the site: further pages, and where links lead.

Rules: decides nothing about texts; `house` has what lies elsewhere, the other modules what is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel

from edgemesh_docs import algorithms, asked, contract, rest, settings
from edgemesh_docs.house import BROUGHT, House

REFERENCE = "reference"
OTHERS = ("setups.md",)
"""Pages of `docs/` that need not be there."""
_ROOT = Path(__file__).resolve().parents[2]
_house = House(_ROOT)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave out of the navigation what this checkout has not."""
    missing = set(BROUGHT.values()) - set(_house.pages.values())
    missing |= {page for page in OTHERS if not (Path(config.docs_dir) / page).is_file()}
    config.nav = _without(cast("list[Any]", config.nav), missing)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the site has beside its own pages."""
    for place, page in _house.pages.items():
        files.append(File.generated(config, page, content=_house.text(place)))
    for page, text in _made():
        files.append(File.generated(config, f"{REFERENCE}/{page}", content=text))
    pages = list(files.documentation_pages())
    while pages:
        each = pages.pop()
        for place, page in _house.files(each.src_uri, each.content_string):
            if files.get_file_from_path(page) is None:
                source, inclusion = str(_ROOT / place), InclusionLevel.NOT_IN_NAV
                file = File.generated(config, page, abs_src_path=source, inclusion=inclusion)
                files.append(file)
                pages += [file] * file.is_documentation_page()
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where things are on the site."""
    return _house.relinked(page.file.src_uri, markdown)


def _made() -> Iterator[tuple[str, str]]:
    yield from contract.pages(_ROOT)
    yield from settings.pages(_ROOT)
    said = asked.mesh()
    yield from algorithms.pages(said.algorithms)
    yield rest.PLACE, rest.page(said.rest)


def _without(nav: list[Any], missing: set[str]) -> list[Any]:
    kept: list[Any] = []
    for item in nav:
        name, inside = next(iter(item.items())) if isinstance(item, dict) else ("", item)
        if isinstance(inside, list):
            kept.append({name: _without(cast("list[Any]", inside), missing)})
        elif inside not in missing:
            kept.append(item)
    return kept
