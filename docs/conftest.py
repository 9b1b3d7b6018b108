"""One mesh for all pages; each page is a file of tests, its blocks in their order."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import reranker
from blocks import parse
from reader import Page, checkout, environment
from running import Running
from sybil import Sybil

from edgemesh_local.layout import Layout
from edgemesh_local.ports import free_port

EXECUTORS = ("cpp", "ml", "pywasm")
LAYOUT = Layout.here()
_PIP = """\
#!/bin/sh
set -e
[ -x {folder}/bin/pip ] || {python} -m venv {folder}
exec {folder}/bin/python -m pip --disable-pip-version-check --quiet "$@"
"""

pytest_collect_file = Sybil(parsers=[parse], patterns=["*.md"], fixtures=["_reader"]).pytest()


def chosen() -> tuple[str, ...]:
    """The executors under test: all, or those that EXECUTORS names."""
    named = os.environ.get("EXECUTORS", "")
    return tuple(name for name in named.split(",") if name) or EXECUTORS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages call all executors: without one of them they are not read."""
    if missing := set(EXECUTORS) - set(chosen()):
        for item in items:
            if item.path.suffix == ".md":
                reason = f"not under test: {', '.join(sorted(missing))}"
                item.add_marker(pytest.mark.skip(reason=reason))


class Reader:
    """Who reads the pages, on one mesh."""

    def __init__(self, folder: Path, env: Mapping[str, str], ports: Mapping[str, str]) -> None:
        self._folder, self._env, self._ports = folder, env, ports
        self._pages: dict[str, tuple[Page, Mapping[str, Any]]] = {}

    def page(self, path: str, namespace: dict[str, Any]) -> Page:
        """The page that is being read."""
        if path not in self._pages:
            self.close()
            own = checkout(LAYOUT.root, self._folder / Path(path).stem)
            self._pages = {path: (Page(own, self._env, self._ports), namespace)}
        return self._pages[path][0]

    def close(self) -> None:
        """Put the last page down."""
        for page, namespace in self._pages.values():
            page.close(namespace)
        self._pages = {}


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The mesh's own folders, into which pages put models and plugins."""
    folder = tmp_path_factory.mktemp("mesh")
    for name in ("served/plugins", "python"):
        (folder / name).mkdir(parents=True)
    # The files and not the folder: a page adds a model, which is nobody else's.
    if "ml" in chosen():
        shutil.copytree(LAYOUT.cache / "models", folder / "models", copy_function=_linked)
        reranker.make(folder / "models" / "all-minilm-l6-v2", folder / "models" / "order")
    return folder


@pytest.fixture(scope="session")
def running(place: Path) -> Iterator[Running]:
    """The mesh: a small one."""
    built = LAYOUT.root / "executor_cpp" / ".venv" / "edgemesh" / "plugins"
    few = {"WORKERS": "1", "SPARES": "0"}
    settings: dict[str, dict[str, str]] = {
        "gateway": {"REST_PORT": "0", "DATABASE": f"sqlite:///{place}/gateway.db"},
        "cpp": few | {"PLUGINS_DIR": f"{built}:{place / 'served' / 'plugins'}"},
        "ml": few | {"MODELS_DIR": str(place / "models")},
        "pywasm": {
            "WORKERS": "2",
            "SPARES": "0",
            "SESSION_DIR": str(place / "sessions"),
            "MODELS_DIR": str(place / "python"),
        },
    }
    with Running(chosen(), {name: settings[name] for name in ("gateway", *chosen())}) as mesh:
        yield mesh


@pytest.fixture(scope="session")
def _reader(
    running: Running, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reader")
    bin_ = folder / "bin"
    bin_.mkdir()
    # What a page installs goes into an environment of its own, made when it is first asked for.
    (bin_ / "pip").write_text(_PIP.format(python=sys.executable, folder=folder / "installed"))
    (bin_ / "pip").chmod(0o755)
    for name, words in {"edgemesh": " -m edgemesh_client", "python": ""}.items():
        program = bin_ / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        program.chmod(0o755)
    address = running.mesh.address("gateway")
    own = {
        "EDGEMESH_ADDRESS": address,
        "EDGEMESH_GATEWAY_DATABASE": f"sqlite:///{folder}/second.db",
        "EDGEMESH_ML_MODELS_DIR": str(place / "models"),
        "EDGEMESH_PYWASM_MODELS_DIR": str(place / "python"),
        "BENCH_BRIEF": "1",
        "PREFIX": str(place / "served"),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEMESH_ADDRESS", address)
        reader = Reader(folder / "pages", environment(bin_, own), _ports(running))
        yield reader
        reader.close()


def _ports(running: Running) -> dict[str, str]:
    """Ports that pages name, and what they are here."""
    standard = {"gateway": "50051", "cpp": "50061", "ml": "50062", "pywasm": "50063"}
    named = {standard[name]: running.port(name) for name in ("gateway", *chosen())}
    # Of a gateway, and of a server of files, that a page starts itself.
    free = {port: str(free_port("127.0.0.1")) for port in ("50052", "8081", "9052", "8765")}
    return named | free | {"8080": running.rest}


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
