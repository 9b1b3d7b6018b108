from __future__ import annotations

import io
import zipfile

import pytest
from fetcher.servers import wheel

from edgemesh_executor_pywasm.ground import wheels
from edgemesh_executor_pywasm.ground.wheels import BadWheel, bundle

STANDARD, IMAGE = {"json", "os"}, {"numpy"}


def bundled(**packages: bytes) -> wheels.Bundle:
    return bundle(packages, STANDARD, IMAGE)


def made(name: str, **files: str | bytes) -> bytes:
    return wheel(name, {path.replace("__DOT__", "."): text for path, text in files.items()})[1]


def test_wheels_become_one_archive_and_the_names_to_import() -> None:
    one = wheel("one", {"one/__init__.py": "", "one/sub/x.py": "", "single.py": "", "data.txt": ""})
    two = wheel("two", {"two.data/purelib/two.py": "", "two.data/scripts/run": "", "x.pth": "evil"})
    found = bundled(one=one[1], two=two[1])
    assert found.names == ["one", "single", "two"]
    names = zipfile.ZipFile(io.BytesIO(found.archive)).namelist()
    assert {"one/sub/x.py", "two.py", "data.txt", "one-1.0.dist-info/METADATA"} <= set(names)
    assert not {"x.pth", "two.data/scripts/run"} & set(names)


@pytest.mark.parametrize(
    ("files", "tag", "why"),
    [
        ({"json.py": ""}, "py3-none-any", "json shadows the standard library's"),
        ({"os/__init__.py": ""}, "py3-none-any", "os shadows the standard library's"),
        ({"numpy/__init__.py": ""}, "py3-none-any", "numpy shadows the image's"),
        ({"a/_fast.cpython-315-x86_64-linux-gnu.so": b""}, "py3-none-any", "native code"),
        ({"a.PYD": b""}, "py3-none-any", "native code"),
        ({"a.py": ""}, "cp315-cp315-linux_x86_64", "native code"),
        ({"../a.py": ""}, "py3-none-any", "a file named"),
        ({"/etc/a.py": ""}, "py3-none-any", "a file named"),
        ({"a//b.py": ""}, "py3-none-any", "a file named"),
        ({"a\\b.py": ""}, "py3-none-any", "a file named"),
    ],
)
def test_what_must_not_be_in_an_environment(
    files: dict[str, str | bytes], tag: str, why: str
) -> None:
    with pytest.raises(BadWheel, match=why):
        bundled(bad=wheel("bad", files, tag=tag)[1])


def test_a_bomb_is_counted_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "MOST_BYTES", 1000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", bytes(1 << 20))
    with pytest.raises(BadWheel, match="more than 1000 bytes"):
        bundled(bomb=out.getvalue())
    half = wheel("half", {"half.py": "x" * 600})[1]
    other = wheel("other", {"other.py": "x" * 600})[1]
    with pytest.raises(BadWheel, match="at most 1000 bytes"):
        bundled(half=half, other=other)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip", bytes(100)])
def test_what_is_no_wheel(data: bytes) -> None:
    with pytest.raises(BadWheel, match="no wheel"):
        bundled(bad=data)


def test_two_packages_with_one_file() -> None:
    with pytest.raises(BadWheel, match="another package too"):
        bundled(a=wheel("a", {"same.py": ""})[1], b=wheel("b", {"same.py": ""})[1])
