"""Models from folders, files, wheels and servers that cut connections."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest
from cutting import File, serving
from made import bert, described, gguf, put
from served import SERVING, served

from edgemesh_executor_ml import download
from edgemesh_executor_ml.fetch import FetchFailed
from edgemesh_executor_ml.pull import main, pull


def quiet(_: str) -> None:
    pass


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()


def wheel(inside: str = "some_package/model", **more: bytes) -> bytes:
    files = {f"{inside}/{path}".lstrip("/"): data for path, data in bert().items()}
    return zipped(files | {"some_package/__init__.py": b"", **more})


def ended(here: int, size: int | None) -> None:
    """As if the process ended while it told of what has come."""
    raise ZeroDivisionError(f"{here} of {size}")


def hidden(models: Path) -> list[str]:
    return sorted(p.name for p in models.iterdir() if p.name.startswith(".") and p.name != ".lock")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between tries."""
    monkeypatch.setattr(download.time, "sleep", lambda _: None)


def test_folders_files_and_wheels_become_models_that_are_served(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (tmp_path / "a.gguf").write_bytes(gguf())
    (tmp_path / "a.whl").write_bytes(wheel())
    (tmp_path / "b.zip").write_bytes(zipped({"x/y/model.gguf": gguf()}))
    put(tmp_path / "folder", bert(2))
    put(tmp_path / "described", described(bert(3), name="own", version="4"))
    for name, source in {
        "lone@2": "a.gguf",
        "wheel": "a.whl",
        "zipped": "b.zip",
        "folder": "folder",
        "described": "described",
    }.items():
        pull(models, name, str(tmp_path / source), say=quiet)
    assert hidden(models) == []
    with served(models, tmp_path / "cache") as executor:
        for entry in ("lone@2.gguf", "wheel", "zipped.gguf", "folder", "described"):
            executor.state(entry, SERVING)
        assert executor.embed("own")[0] == "4"
        assert executor.embed("wheel")[1] != executor.embed("folder")[1]


def test_a_download_that_is_cut_is_gone_on_from(tmp_path: Path) -> None:
    data = gguf()
    said: list[str] = []
    with serving(File(data, cut_after=len(data) // 5 + 1)) as file:
        made = pull(tmp_path, "m", file.url, sha256=sha256(data).hexdigest(), say=said.append)
    assert made.read_bytes() == data
    assert file.sent == len(data)
    starts = [int(each[6:-1]) for each in file.asked[1:]]
    assert starts == [(i + 1) * (len(data) // 5 + 1) for i in range(4)]
    assert any("MiB" in line for line in said)
    assert hidden(tmp_path) == []


def test_a_later_run_goes_on_where_one_gave_up(tmp_path: Path) -> None:
    data = gguf()
    hash = sha256(data).hexdigest()
    with serving(File(data, cut_after=1000)) as file:
        path = partial(tmp_path, file.url)
        with pytest.raises(ZeroDivisionError):
            download.download(file.url, path, ended)
        assert path.stat().st_size == 1000
        file.cut_after, file.sent = 0, 0
        made = pull(tmp_path, "m", file.url, sha256=hash, say=quiet)
    assert made.read_bytes() == data
    assert file.asked == ["", "bytes=1000-"]
    assert file.sent == len(data) - 1000


def partial(models: Path, url: str) -> Path:
    models.mkdir(exist_ok=True)
    return models / f".pulling-{sha256(url.encode()).hexdigest()[:16]}"


@pytest.mark.parametrize("why", ["changed", "no tag", "no ranges"])
def test_what_may_be_another_file_is_brought_anew(tmp_path: Path, why: str) -> None:
    old, data = gguf(general__name="Old"), gguf(general__name="New")
    with serving(File(old, tag="" if why == "no tag" else '"1"', cut_after=500)) as file:
        path = partial(tmp_path, file.url)
        with pytest.raises(ZeroDivisionError):
            download.download(file.url, path, ended)
        assert path.stat().st_size == 500
        file.data, file.cut_after = data, 0
        file.tag = '"2"' if why == "changed" else file.tag
        file.ranges = why != "no ranges"
        made = pull(tmp_path, "m", file.url, sha256=sha256(data).hexdigest(), say=quiet)
    assert made.read_bytes() == data


def test_a_server_in_trouble_is_asked_again_but_not_for_ever(tmp_path: Path) -> None:
    data = gguf()
    hash = sha256(data).hexdigest()
    with serving(File(data, answers=[503, 429, 500, 502])) as file:
        pull(tmp_path, "m", file.url, sha256=hash, say=quiet)
    with serving(File(data, answers=[503] * 9)) as file:
        with pytest.raises(FetchFailed, match=r"after 5 tries: the server says 503 Service"):
            pull(tmp_path, "n", file.url, sha256=hash, say=quiet)
        assert len(file.asked) == 5
    with serving(File(data, answers=[404])) as file:
        with pytest.raises(FetchFailed, match="the server says 404 Not Found"):
            pull(tmp_path, "n", file.url, sha256=hash, say=quiet)
        assert len(file.asked) == 1
    with pytest.raises(FetchFailed, match=r"after 5 tries: .*refused"):
        pull(tmp_path, "n", file.url, sha256=hash, say=quiet)


def test_other_content_than_was_said_is_not_put_there(tmp_path: Path) -> None:
    data, wrong = gguf(), "0" * 64
    with serving(File(data)) as file:
        with pytest.raises(FetchFailed, match="plain HTTP needs its sha256"):
            pull(tmp_path, "m", file.url, say=quiet)
        assert file.asked == []
        with pytest.raises(FetchFailed) as caught:
            pull(tmp_path, "m", file.url, sha256=wrong, say=quiet)
    assert caught.value.reason == f"has sha256 {sha256(data).hexdigest()}, not {wrong}"
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a.txt": b""}, "holds 0 folders with a config.json and 0 GGUF files"),
        ({"a.gguf": b"", "b.gguf": b""}, "holds 0 folders with a config.json and 2 GGUF files"),
        ({"a/config.json": b"", "b/config.json": b""}, "holds 2 folders"),
        ({"a/config.json": b"{}"}, "no model_type is not supported"),
        ({"m/config.json": b"", "m/../../x": b""}, "leaves the folder"),
        ({"a.gguf": b"GGUF"}, "a.gguf|m.gguf|header|ends"),
    ],
)
def test_what_holds_no_model_is_refused(
    tmp_path: Path, files: dict[str, bytes], expected: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(zipped(files))
    models = tmp_path / "models"
    with pytest.raises(FetchFailed, match=expected):
        pull(models, "m", str(source), say=quiet)
    assert [p.name for p in models.iterdir() if p.name != ".lock"] == []
    assert not (tmp_path / "x").exists()


def test_the_command_says_what_is_wrong_and_replaces_when_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, models = tmp_path / "m.gguf", tmp_path / "models"
    source.write_bytes(gguf())
    put(tmp_path / "folder", bert())
    where = ["--models", str(models)]
    assert main(["m", str(source), *where]) == 0
    assert "m: ready" in capsys.readouterr().out
    assert main(["m", str(tmp_path / "folder"), *where]) == 1
    assert "m.gguf is there already" in capsys.readouterr().err
    assert main(["m", str(tmp_path / "folder"), *where, "--replace"]) == 0
    assert sorted(p.name for p in models.iterdir()) == [".lock", "m"]
    for arguments, expected in (
        (["a b", str(source)], "a b: is no name and version"),
        (["n", "nowhere"], "nowhere is neither a file, a folder nor an HTTP(S) URL"),
        (["n", str(tmp_path / "folder"), "--sha256", "00"], "a sha256 is of one file"),
    ):
        assert main([*arguments, *where]) == 1
        assert expected in capsys.readouterr().err
