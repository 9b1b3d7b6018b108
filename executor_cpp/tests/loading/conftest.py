"""An executor over a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from workshop import Executor, Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins"
    folder.mkdir()
    return folder


@pytest.fixture
async def start(folder: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Executor]]:
    """Starts an executor over the folder, with a store that is the same for each of them."""
    started: list[Executor] = []

    def one(**settings: object) -> Executor:
        started.append(Executor(folder, tmp_path / "store", **settings))
        return started[-1]

    yield one
    for executor in started:
        await executor.close()
