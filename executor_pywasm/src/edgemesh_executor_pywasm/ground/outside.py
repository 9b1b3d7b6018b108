"""The front's end of the fetcher: started when it is first needed, and again should it end.

Rules: its environment is made anew from an allow-list, so that it has no secret of the mesh's; what
it answers is untrusted: a path is used only below the fetcher's own folder. It is killed when it
does not answer in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uv

from edgemesh_executor_pywasm.settings import PyWasmSettings
from mesh_service import logs

PYTHON = "3.15"
"""The version of the guest's Python."""
_PASSED = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR")
_PREFIXES = ("UV_", "XDG_")
"""What the resolver's own configuration is in."""
_MOST_LINE = 16 << 20
_GRACE_S = 5.0


class OutsideError(Exception):
    """What the fetcher says went wrong; see edgemesh_fetcher/errors.py for the kinds."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind, self.message = kind, message
        super().__init__(f"{kind}: {message}")


class Outside:
    """The fetcher, as a process beside this one."""

    def __init__(self, settings: PyWasmSettings, *, programs: bool = False) -> None:
        """`programs`: whether it sends requests of programs, and nothing else."""
        self._settings, self._programs = settings, programs
        self._most_s = settings.http_timeout_s if programs else settings.fetch_timeout_s
        self._folder = (settings.cache / "fetched").absolute()
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()

    async def resolve(self, requirements: Sequence[str], supplied: Mapping[str, str]) -> str:
        """A pylock.toml. Raises OutsideError."""
        answer = await self._ask(
            {"do": "resolve", "requirements": list(requirements), "supplied": dict(supplied)}
        )
        return str(answer["lock"])

    async def fetch(self, url: str, sha256: str, nbytes: int) -> bytes:
        """What lies there, which has this digest. Raises OutsideError."""
        answer = await self._ask({"do": "fetch", "url": url, "sha256": sha256, "bytes": nbytes})
        return await asyncio.to_thread(self._read, answer["path"])

    async def find(self, sha256: str) -> bytes | None:
        """What was fetched before. Raises OutsideError."""
        answer = await self._ask({"do": "find", "sha256": sha256})
        path = answer["path"]
        return None if path is None else await asyncio.to_thread(self._read, path)

    async def request(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What a server answers: see edgemesh_fetcher/serve.py. Raises OutsideError."""
        return await self._ask({"do": "request", **asked})

    async def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None or self._reading is None:
            return
        if process.returncode is None and not self._reading.done():
            process.kill()
        await asyncio.gather(self._reading, return_exceptions=True)

    def _read(self, path: str) -> bytes:
        file = Path(path)
        if file.parent != self._folder / "files":
            raise OutsideError("unavailable", "the fetcher named a file that is not its own")
        return file.read_bytes()

    async def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        async with self._starting:
            process = self._process
            if process is None or process.returncode is not None:
                process = await self._start()
        number = next(self._numbers)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps({"id": number, **asked}).encode() + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(self._most_s + _GRACE_S):
                answer = await future
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            raise OutsideError("timeout", "the fetcher did not answer in time") from None
        except ConnectionError:
            raise OutsideError("unavailable", "the fetcher has ended") from None
        finally:
            self._waiting.pop(number, None)
        if (error := answer.get("error")) is not None:
            raise OutsideError(str(error["kind"]), str(error["message"]))
        return answer

    def _config(self) -> dict[str, Any]:
        settings, programs = self._settings, self._programs
        secrets = settings.http_secrets if programs else None
        return {
            "folder": str(self._folder),
            "folder_bytes": settings.fetch_disk_bytes,
            "uv": uv.find_uv_bin(),
            "python": PYTHON,
            "resolve_s": settings.fetch_timeout_s,
            "http": {k: v.model_dump() for k, v in settings.http.items()} if programs else {},
            "secrets": secrets and str(secrets.absolute()),
            "hosts": settings.fetch_hosts,
            "networks": [str(network) for network in settings.fetch_networks],
            "plain_http": settings.fetch_plain_http,
            "max_bytes": settings.http_max_bytes if programs else settings.fetch_max_bytes,
            "timeout_s": self._most_s,
            "offline": settings.offline,
        }

    async def _start(self) -> asyncio.subprocess.Process:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "edgemesh_fetcher", json.dumps(self._config())),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
            limit=_MOST_LINE,
            start_new_session=True,
        )
        logs.event("fetcher started", pid=process.pid, programs=self._programs)
        self._process = process
        self._reading = asyncio.create_task(self._listen(process), name="fetcher")
        return process

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while line := await process.stdout.readline():
                answer: dict[str, Any] = json.loads(line)
                future = self._waiting.pop(answer["id"], None)
                if future is not None and not future.done():
                    future.set_result(answer)
        except (ValueError, TypeError, KeyError):  # a line that is none of its, or too long
            process.kill()
        await process.wait()
        ended = {"error": {"kind": "unavailable", "message": "the fetcher has ended"}}
        for future in self._waiting.values():
            if not future.done():
                future.set_result(ended)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED or name.startswith(_PREFIXES)
    }
