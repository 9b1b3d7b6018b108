from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path

import pytest

from edgemesh_executor_pywasm.ground.images import Images

KEY = "k" * 64


def image(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def make(folder: Path, memory: int = 1 << 20, disk: int = 1 << 20) -> Images:
    return Images(folder, memory, disk)


async def test_an_image_outlives_its_front(tmp_path: Path) -> None:
    first = make(tmp_path)
    await first.keep(KEY, image(b"one"))
    first.close()
    second = make(tmp_path)
    assert await second.load(KEY)
    place = second.take(KEY)
    assert place is not None
    assert os.pread(place.region.fd, place.length, 0) == image(b"one")
    place.region.leave()
    second.close()


@pytest.mark.parametrize("spoilt", [b"", b"x", image(b"one")[:-1], b"y" + image(b"one")[1:]])
async def test_a_torn_image_is_removed(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / KEY).write_bytes(spoilt)
    images = make(tmp_path)
    assert not await images.load(KEY)
    assert images.take(KEY) is None
    assert not (tmp_path / KEY).exists()


async def test_nobody_can_write_to_an_image(tmp_path: Path) -> None:
    images = make(tmp_path)
    await images.keep(KEY, image(b"one"))
    place = images.take(KEY)
    assert place is not None
    with pytest.raises(PermissionError):
        os.pwrite(place.region.fd, b"x", 0)
    with pytest.raises(PermissionError):
        mmap.mmap(place.region.fd, place.length)
    place.region.leave()
    images.close()


async def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    one = image(bytes(1000))
    images = make(tmp_path, memory=2500, disk=2500)
    for moment, key in enumerate(("a", "b")):
        await images.keep(key, one)
        os.utime(tmp_path / key, (moment, moment))
    used = images.take("a")
    assert used is not None
    await images.keep("c", one)
    assert (images.take("b"), sorted(p.name for p in tmp_path.iterdir())) == (None, ["b", "c"])
    assert used.region.whole  # a call that uses it keeps it
    used.region.leave()
    images.close()


async def test_a_full_disk_costs_no_image(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    images = make(tmp_path / "file")  # no folder can be made there
    await images.keep(KEY, image(b"one"))
    place = images.take(KEY)
    assert place is not None
    place.region.leave()
    images.close()
