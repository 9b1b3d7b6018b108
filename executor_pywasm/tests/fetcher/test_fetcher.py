"""The fetcher as a process: what its front gets of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from edgemesh_executor_pywasm.ground.outside import Outside, OutsideError
from edgemesh_executor_pywasm.settings import PyWasmSettings
from fetcher.servers import Index, send, served

LOOPBACK = {"fetch_networks": ["127.0.0.0/8"], "fetch_plain_http": True}


@asynccontextmanager
async def fetcher(folder: Path, **settings: Any) -> AsyncGenerator[Outside]:
    given: Any = {"EDGEMESH_CACHE": folder, **LOOPBACK, **settings}
    outside = Outside(PyWasmSettings(**given))
    try:
        yield outside
    finally:
        await outside.close()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_a_file_is_fetched_once_and_found_again_by_another(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(request: Any) -> None:
        asked.append(request.path)
        send(request, b"content")

    with served(answer) as url:
        async with fetcher(tmp_path) as outside:
            assert await outside.find(digest(b"content")) is None
            assert await outside.fetch(f"{url}/a", digest(b"content"), 0) == b"content"
        async with fetcher(tmp_path, offline=True) as outside:
            assert await outside.fetch(f"{url}/a", digest(b"content"), 0) == b"content"
            assert await outside.find(digest(b"content")) == b"content"
            with pytest.raises(OutsideError, match="offline"):
                await outside.fetch(f"{url}/a", digest(b"other"), 0)
    assert asked == ["/a"]


async def test_other_bytes_than_were_promised_are_not_kept(tmp_path: Path) -> None:
    with served(lambda request: send(request, b"evil")) as url:
        async with fetcher(tmp_path) as outside:
            with pytest.raises(OutsideError, match="mismatch"):
                await outside.fetch(f"{url}/a", digest(b"good"), 0)
            assert await outside.find(digest(b"good")) is None
    assert not list((tmp_path / "fetched" / "files").iterdir())


async def test_a_torn_file_is_fetched_anew(tmp_path: Path) -> None:
    with served(lambda request: send(request, b"content")) as url:
        async with fetcher(tmp_path) as outside:
            await outside.fetch(f"{url}/a", digest(b"content"), 0)
            (tmp_path / "fetched" / "files" / digest(b"content")).write_bytes(b"cont")
            assert await outside.find(digest(b"content")) is None
            assert await outside.fetch(f"{url}/a", digest(b"content"), 0) == b"content"


async def test_loopback_needs_the_operators_word(tmp_path: Path) -> None:
    with served(lambda request: send(request, b"secret")) as url:
        async with fetcher(tmp_path, fetch_networks=[]) as outside:
            with pytest.raises(OutsideError, match="not public"):
                await outside.fetch(f"{url}/a", digest(b"secret"), 0)


async def test_requirements_are_resolved_beside_what_is_supplied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = Index()
    index.add("leaf", {"leaf.py": ""}, version="1.5", requires=("numpy>=2",))
    index.add("leaf", {"leaf.py": ""}, version="2.0")
    with served(index) as url:
        monkeypatch.setenv("UV_DEFAULT_INDEX", f"{url}/simple")
        monkeypatch.setenv("EDGEMESH_GATEWAY_SECRET", "s" * 32)
        async with fetcher(tmp_path) as outside:
            lock = await outside.resolve(["leaf<2"], {"numpy": "2.5.2"})
            assert 'name = "leaf"\nversion = "1.5"' in lock
            assert 'name = "numpy"\nversion = "2.5.2"' in lock
            with pytest.raises(OutsideError) as caught:
                await outside.resolve(["leaf<2", "numpy<2"], {"numpy": "2.5.2"})
            assert caught.value.kind == "unsolvable"
            assert "numpy" in caught.value.message
            assert "unsatisfiable" in caught.value.message
            environ = Path(f"/proc/{process_of(outside)}/environ").read_bytes()
    assert b"EDGEMESH" not in environ
    assert not any("numpy" in path for path in index.asked if path.startswith("/files"))


async def test_a_fetcher_that_was_killed_is_started_again(tmp_path: Path) -> None:
    with served(lambda request: send(request, b"content")) as url:
        async with fetcher(tmp_path) as outside:
            await outside.find(digest(b""))
            process = outside._process  # pyright: ignore[reportPrivateUsage]
            assert process is not None
            process.kill()
            await process.wait()
            assert await outside.fetch(f"{url}/a", digest(b"content"), 0) == b"content"


def process_of(outside: Outside) -> int:
    process = outside._process  # pyright: ignore[reportPrivateUsage]
    assert process is not None
    return process.pid


def test_nonsense_is_answered(tmp_path: Path) -> None:
    from edgemesh_fetcher import serve
    from edgemesh_fetcher.hosts import Hosts
    from edgemesh_fetcher.policy import Policy
    from edgemesh_fetcher.store import FileStore

    files = FileStore(tmp_path / "files", 1 << 20)
    one = serve.Fetcher(Policy(), files, Path("uv"), tmp_path, "3.15", 1.0, Hosts({}, {}))
    told: list[dict[str, Any]] = []
    for asked in ({"id": 1}, {"id": 2, "do": "x"}, {"id": 3, "do": "find", "sha256": "../x"}):
        serve._work(one.answer, asked, told.append)  # pyright: ignore[reportPrivateUsage]
    assert [each["id"] for each in told] == [1, 2, 3]
    assert all(each["error"]["kind"] in ("unavailable", "refused") for each in told)
    json.dumps(told)
