"""Programs that abuse what they were granted get their verdict, and nobody else notices.

Deadlines are loose here; `make abuse` holds them tightly and prints the times.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from abuse.arena import Arena, opened
from abuse.cases import CASES, Case

pytestmark = pytest.mark.needs("pywasm", "ml")
_LATE_MS = 20_000


@pytest.fixture(scope="module")
async def arena(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Arena]:
    async with opened(tmp_path_factory.mktemp("abuse")) as arena:
        yield arena


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_hostile(arena: Arena, case: Case) -> None:
    found = await arena.attack(case)
    assert not found.wrong, "\n".join(found.wrong)
    assert found.late_ms < _LATE_MS
