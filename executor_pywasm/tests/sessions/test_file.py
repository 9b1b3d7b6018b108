"""A session's file: what was appended is there; cut off or changed it never reads otherwise."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgemesh_executor_pywasm.sessions.file import CHANGE, FULL, SessionFile
from edgemesh_executor_pywasm.sessions.vault import Damaged, Vault, key_of

KEY = bytes(range(32))
STEPS = st.lists(st.tuples(st.sampled_from("CCCFUSR"), st.binary(max_size=40)), max_size=25)


def state(history: list[tuple[bytes, bytes]], ground: bytes) -> bytes:
    """What a state is made from: the last F, or what it began in, and the Cs behind it."""
    fulls = [at for at, (kind, _) in enumerate(history) if kind == FULL]
    return (b"" if fulls else ground) + b"".join(
        data for _, data in history[fulls[-1] if fulls else 0 :]
    )


@settings(deadline=None, max_examples=60)
@given(STEPS, st.binary(max_size=40))
def test_it_holds_what_a_model_holds(steps: list[tuple[str, bytes]], ground: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "one.session")
        file = SessionFile.make(path, Vault(KEY), {"id": "x"})
        if ground:
            file.begin(ground, {"id": "x"})
        history: list[tuple[bytes, bytes]] = []
        for step, data in steps:
            if step in "CF":
                kind = step.encode()
                file.append(kind, file.calls + 1, data)
                history.append((kind, data))
            elif step == "U" and file.undoable:
                file.undo(1)
                history.pop()
            elif step == "S":
                file.settle(3)
            elif step == "R":
                file = SessionFile(path, Vault(KEY))
            assert file.calls == len(history)
            assert file.state() == state(history, ground)
            assert file.undoable <= len(history)
            if FULL not in [kind for kind, _ in history]:
                assert file.undoable == len(history)
        copy = file.copy(path.with_name("two.session"), {"id": "y"})
        assert (copy.state(), copy.description) == (state(history, ground), {"id": "y"})
        for each in (file, copy):
            each.describe(each.description, reset=True)
            assert (each.state(), each.calls, each.undoable) == (ground, 0, 0)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 1 << 20), st.integers(0, 7), st.integers(0, 1 << 20))
def test_a_changed_file_is_damaged_or_shorter(place: int, bit: int, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "one.session")
        file = SessionFile.make(path, Vault(KEY), {"id": "x"})
        parts = [bytes([n]) * 50 for n in range(1, 5)]
        for number, part in enumerate(parts):
            file.append(CHANGE, number + 1, part)
        data = bytearray(path.read_bytes())
        data[place % len(data)] ^= 1 << bit
        path.write_bytes(data[: len(data) - cut % 40])
        try:
            found = SessionFile(path, Vault(KEY)).state()
        except Damaged:
            return
        assert found in [b"".join(parts[:n]) for n in range(5)]


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    SessionFile.make(tmp_path / "a.session", Vault(KEY), {"id": "x"})
    with pytest.raises(Damaged):
        SessionFile(tmp_path / "a.session", Vault(bytes(32)))


def test_records_of_another_file_do_not_open(tmp_path: Path) -> None:
    vault = Vault(KEY)
    files = [SessionFile.make(tmp_path / name, vault, {"id": "x"}) for name in ("a", "b")]
    for file in files:
        file.append(CHANGE, 1, file.path.name.encode())
    mixed = bytearray(files[0].path.read_bytes())
    other = files[1].path.read_bytes()
    begin = files[1].records[1].at
    mixed[begin:] = other[begin:]
    files[0].path.write_bytes(mixed)
    with pytest.raises(Damaged):
        SessionFile(files[0].path, vault).state()


def test_a_key_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    key = key_of(tmp_path)
    assert key_of(tmp_path) == key
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(Damaged, match="others may read"):
        key_of(tmp_path)
