"""A guest to call from, with two files given to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from wasi_guest import Guest

from edgemesh_sandbox.wasi import World


@pytest.fixture
def guest() -> Iterator[Guest]:
    guest = Guest(World({"a.csv": b"1,2\n", "deep/er/b": memoryview(b"bytes")}, files_bytes=1000))
    yield guest
    guest.store.close()
