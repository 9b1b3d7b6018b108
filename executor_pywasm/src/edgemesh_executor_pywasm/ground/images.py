"""Images, by key: in shared memory that nobody can write to any more, and on disk.

Rules: a key says all that an image follows from (code, lock, and the image beneath), so one that is
found is right; on disk it ends with the SHA-256 of what is before, as snapshots do: a torn or
foreign file is removed, and the image made anew. Over their bytes those used longest ago go first;
one in memory that calls use goes when they have ended. The files are the executor's own user's: a
worker cannot read them, it gets an image's memory with a call that stands on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
from collections import OrderedDict
from pathlib import Path

from mesh_service.pool import Place, Region

_CHECKSUM = 32
_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class Images:
    """The images of an executor."""

    def __init__(self, folder: Path, memory_bytes: int, disk_bytes: int) -> None:
        self._folder, self._most, self._most_on_disk = folder, memory_bytes, disk_bytes
        self._held: OrderedDict[str, Region] = OrderedDict()

    def take(self, key: str) -> Place | None:
        """An image that is in memory, a call counted in."""
        region = self._held.get(key)
        if region is None:
            return None
        self._held.move_to_end(key)
        region.enter()
        return Place(region, 0, region.size)

    async def load(self, key: str) -> bool:
        """Whether it is in memory now, from the disk if need be."""
        if key in self._held:
            return True
        data = await asyncio.to_thread(self._read, key)
        if data is None:
            return False
        self._hold(key, data)
        return True

    async def keep(self, key: str, data: bytes) -> None:
        """Keep an image, in memory and on disk."""
        self._hold(key, data)
        await asyncio.to_thread(self._write, key, data)

    def forget(self, key: str) -> None:
        """Remove one, everywhere."""
        region = self._held.pop(key, None)
        if region is not None:
            region.close()
        (self._folder / key).unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of all memory."""
        while self._held:
            self._held.popitem()[1].close()

    def _hold(self, key: str, data: bytes) -> None:
        if key in self._held:
            return
        descriptor = os.memfd_create("image", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        # From now on whoever maps it, a worker that was broken out of too, can only read it.
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
        self._held[key] = Region(descriptor, len(data))
        held = sum(region.size for region in self._held.values())
        while held > self._most and len(self._held) > 1:
            _, region = self._held.popitem(last=False)
            held -= region.size
            region.close()

    def _read(self, key: str) -> bytes | None:
        path = self._folder / key
        try:
            data = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(data[:-_CHECKSUM]).digest() != data[-_CHECKSUM:]:
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return data

    def _write(self, key: str, data: bytes) -> None:
        """A disk that is full costs no call: the image is in memory."""
        draft = self._folder / f".{key}.{secrets.token_hex(4)}"
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                draft.write_bytes(data)
                draft.replace(self._folder / key)
            finally:
                draft.unlink(missing_ok=True)
            self._shrink(key)

    def _shrink(self, kept: str) -> None:
        files = [(path, path.stat()) for path in self._folder.iterdir()]
        total = sum(found.st_size for _, found in files)
        for path, found in sorted(files, key=lambda each: each[1].st_mtime):
            if total <= self._most_on_disk:
                return
            if path.name != kept:
                path.unlink(missing_ok=True)
                total -= found.st_size
